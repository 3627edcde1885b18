//! What a check found of a call is found again where the same function is called with arguments that a check cannot tell apart.
//!
//! Seeds, arms and members differ in values that are known at run time only: shapes, types and structure are what a check sees. Calls
//! inside a trainer's turn are left out, since gradients are followed through the very tensors there.

use crate::ctx::Ctx;
use crate::env::{Env, Found};
use crate::net::{NetBase, NetValue, NetWeights};
use crate::program::ModuleId;
use crate::value::{Bound, Func, FuncKind, Value};
use nas_grammar::ast::{Expr, FnDecl, Param, Role};
use nas_ir::tensor::LeafKind;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

/// Results kept at once; beyond, all are let go.
const KEPT: usize = 4_000;
/// Values are looked into so deep; longer lists count by where they are.
const DEPTH: usize = 8;
const ITEMS: usize = 32;

/// What calls gave, and the names that pieces of tree mention.
#[derive(Default)]
pub struct Memo {
    results: HashMap<String, Done>,
    names: HashMap<usize, (Tree, Names)>,
}

type Names = Arc<Vec<Arc<str>>>;

/// Kept as long as its place names it.
enum Tree {
    Decl(Arc<FnDecl>),
    Lambda(Arc<Vec<Param>>, Arc<Expr>),
}

struct Done {
    value: Value,
    draws: u64,
    told: u64,
    /// What the key names by its place stays there.
    _held: Env,
}

/// The key of a call in a check; none where its result hangs on more than its arguments.
pub fn key(ctx: &Ctx, decl: &Arc<FnDecl>, module: ModuleId, bound: &Env) -> Option<String> {
    let kind = matches!(
        decl.role,
        Role::Fn | Role::Trainer | Role::Search | Role::Proxy | Role::Metric
    );
    let plain = kind
        && ctx.alike.is_some()
        && ctx.turn.is_none()
        && ctx.net.is_none()
        && ctx.space.is_none()
        && ctx.terms.is_none()
        && ctx.clock.is_none()
        && ctx.binding.is_none()
        && ctx.assumed.is_empty()
        && ctx.among.is_empty()
        && ctx.place.is_empty()
        && ctx.proving.is_empty();
    if !plain {
        return None;
    }
    let mut out = format!(
        "{module} {:?} {} {} {}",
        ctx.train, ctx.generic, ctx.measures, ctx.privy
    );
    scope(ctx, Tree::Decl(decl.clone()), bound, &mut out, DEPTH)?;
    Some(out)
}

/// What a call of this key gave before; draws that it made count as made.
pub fn find(ctx: &mut Ctx, key: &str) -> Option<Value> {
    let memo = ctx.alike.clone()?;
    let memo = memo.lock().ok()?;
    let done = memo.results.get(key)?;
    ctx.draws += done.draws;
    ctx.told += done.told;
    Some(done.value.clone())
}

/// `before` is how much had been drawn when the call began.
pub fn keep(ctx: &Ctx, key: String, value: &Value, before: (u64, u64), bound: &Env) {
    // Weights that are trained later are each their own.
    if live(value, DEPTH) {
        return;
    }
    let Some(mut memo) = ctx.alike.as_ref().and_then(|m| m.lock().ok()) else {
        return;
    };
    if memo.results.len() >= KEPT {
        memo.results.clear();
    }
    let done = Done {
        value: value.clone(),
        draws: ctx.draws.saturating_sub(before.0),
        told: ctx.told.saturating_sub(before.1),
        _held: bound.clone(),
    };
    memo.results.insert(key, done);
}

fn live(v: &Value, depth: usize) -> bool {
    match v.plain() {
        _ if depth == 0 => true,
        Value::Weights(w) => w.live,
        Value::List(l) => l.iter().any(|v| live(v, depth - 1)),
        Value::Record(r) => r.values().any(|v| live(v, depth - 1)),
        Value::Net(n) => matches!(&n.weights, NetWeights::Stored(w) if w.live),
        Value::Func(_) => true,
        _ => false,
    }
}

/// A piece of tree, and what the names in it stand for in a scope.
fn scope(ctx: &Ctx, tree: Tree, env: &Env, out: &mut String, depth: usize) -> Option<()> {
    let at = match &tree {
        Tree::Decl(d) => Arc::as_ptr(d) as usize,
        Tree::Lambda(_, body) => Arc::as_ptr(body) as usize,
    };
    let names = {
        let mut memo = ctx.alike.as_ref()?.lock().ok()?;
        let (_, names) = memo.names.entry(at).or_insert_with(|| {
            let text = match &tree {
                Tree::Decl(d) => format!("{:?} {:?}", d.params, d.body),
                Tree::Lambda(params, body) => format!("{params:?} {body:?}"),
            };
            let names = crate::show::names(&text).into_iter().map(Arc::from);
            (tree, Arc::new(names.collect()))
        });
        names.clone()
    };
    let _ = write!(out, "({at:x}");
    for name in names.iter() {
        match env.find(name) {
            Some(Found::Value(v)) => {
                let _ = write!(out, " {name}=");
                value(ctx, &v, out, depth)?;
            }
            Some(Found::Cell(_) | Found::Item(..)) => return None,
            None => {}
        }
    }
    out.push(')');
    Some(())
}

/// A value as far as a check can tell it apart; by its place where it is not looked into.
fn value(ctx: &Ctx, v: &Value, out: &mut String, depth: usize) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    let _ = match v {
        Value::None => write!(out, "none"),
        Value::Bool(b) => write!(out, "{b}"),
        Value::Int(i, u) => write!(out, "{i}{u:?}"),
        Value::Float(f, u) => write!(out, "{:x}f{u:?}", f.to_bits()),
        Value::Big(b) => write!(out, "{b}"),
        Value::Text(t) => write!(out, "{t:?}"),
        Value::Label(t) => write!(out, "`{t}`"),
        Value::Range(r) => write!(out, "{r:?}"),
        Value::Unknown(k) => write!(out, "?{k:?}"),
        Value::Module(m) => write!(out, "m{m}"),
        Value::Dim(d) => write!(out, "d{d:?}"),
        Value::Invalid(reason) => write!(out, "invalid {reason:?}"),
        Value::Space(s) => write!(out, "s{}", s.id),
        Value::Weights(w) => write!(out, "w{}", w.id),
        Value::Data(d) => write!(out, "data{:p}", Arc::as_ptr(d)),
        Value::Table(t) => write!(out, "t{:p}", Arc::as_ptr(t)),
        Value::Arch(a) => write!(out, "a{:p}", Arc::as_ptr(a)),
        Value::Interval(i) => {
            value(ctx, &i.0, out, depth)?;
            out.push_str("..=");
            return value(ctx, &i.1, out, depth);
        }
        Value::Dist(x) => write!(out, "x{:p}", Arc::as_ptr(x)),
        Value::Clock(c) => write!(out, "{c:?}"),
        Value::Window(w) => write!(out, "w{:p}", Arc::as_ptr(w)),
        Value::Terms(t) => write!(out, "c{:p}", Arc::as_ptr(t)),
        Value::Measure(m) => write!(out, "m{:p}", Arc::as_ptr(m)),
        Value::Growth(g) => write!(out, "g{:p}", Arc::as_ptr(g)),
        Value::Picked(p) => {
            let _ = write!(out, "picked {} {} ", p.site, p.index);
            return value(ctx, &p.value, out, depth);
        }
        Value::Kept(k) => {
            out.push_str("kept ");
            value(ctx, &k.value, out, depth)?;
            return value(ctx, &k.history, out, depth);
        }
        Value::List(l) if l.len() > ITEMS => write!(out, "l{:p}", Arc::as_ptr(l)),
        Value::List(l) => {
            out.push('[');
            for v in l.iter() {
                value(ctx, v, out, depth)?;
                out.push(',');
            }
            write!(out, "]")
        }
        Value::Record(r) => {
            out.push('{');
            for (k, v) in r.iter() {
                let _ = write!(out, "{k}:");
                value(ctx, v, out, depth)?;
                out.push(',');
            }
            write!(out, "}}")
        }
        Value::Tensor(t, element) => {
            let stands = matches!(
                t.0.leaf.as_ref().map(|l| &l.kind),
                Some(LeafKind::Abstract(_))
            );
            let classes = ctx
                .shared
                .classes
                .lock()
                .ok()
                .and_then(|c| c.get(&t.0.id).copied());
            match stands {
                true => write!(
                    out,
                    "T{:?}{:?}{element:?}{}{classes:?}",
                    t.shape(),
                    t.dtype(),
                    t.0.fixed
                ),
                false => write!(out, "T{}", t.0.id),
            }
        }
        Value::Net(n) => return net(ctx, n, out, depth),
        Value::Func(f) => return func(ctx, f, out, depth),
        _ => return None,
    };
    Some(())
}

fn net(ctx: &Ctx, n: &NetValue, out: &mut String, depth: usize) -> Option<()> {
    let _ = match &n.base {
        NetBase::Member { space, arch } => {
            write!(out, "N{} {:p}", space.id, Arc::as_ptr(arch))
        }
        NetBase::AllMembers { space } => write!(out, "N{}", space.id),
        NetBase::Literal { decl, .. } => {
            // Nets as written hold their scope; another evaluation is another net.
            write!(out, "N{:p} {:p}", Arc::as_ptr(decl), std::ptr::from_ref(n))
        }
        NetBase::Block(b) => {
            out.push('N');
            value(ctx, b, out, depth)?;
            Ok(())
        }
    };
    let _ = match &n.weights {
        NetWeights::Fresh(_) => write!(out, " fresh"),
        NetWeights::Stored(w) => write!(out, " w{}", w.id),
        NetWeights::Abstract => write!(out, " abstract"),
    };
    let _ = write!(out, " {:?} {:?} {:?}", n.train, n.dtype, n.reads);
    for e in &n.edits {
        let _ = write!(out, " {:p}", Arc::as_ptr(e));
    }
    match &n.policy {
        Some(p) => value(ctx, p, out, depth),
        None => Some(()),
    }
}

fn func(ctx: &Ctx, f: &Func, out: &mut String, depth: usize) -> Option<()> {
    match &f.kind {
        FuncKind::Decl {
            decl,
            module,
            env,
            lists,
            ..
        } => {
            let _ = write!(out, "F{module} {lists}");
            scope(ctx, Tree::Decl(decl.clone()), env, out, depth)?;
        }
        FuncKind::Lambda {
            params,
            body,
            module,
            env,
        } => {
            let _ = write!(out, "L{module}");
            let tree = Tree::Lambda(params.clone(), body.clone());
            scope(ctx, tree, env, out, depth)?;
        }
        FuncKind::Partial { of } => {
            out.push('P');
            value(ctx, of, out, depth)?;
        }
        FuncKind::Space { decl, module } => {
            let _ = write!(out, "S{module} {:p}", Arc::as_ptr(decl));
        }
        FuncKind::Builtin { name, .. } => out.push_str(name),
        FuncKind::Method { receiver, name } => {
            let _ = write!(out, "M{name} ");
            value(ctx, receiver, out, depth)?;
        }
        FuncKind::Compose(parts) => {
            out.push('C');
            parts.iter().try_for_each(|p| value(ctx, p, out, depth))?;
        }
        FuncKind::Body { .. }
        | FuncKind::Target { .. }
        | FuncKind::Enlarge { .. }
        | FuncKind::Mixed(_) => return None,
    }
    for Bound { name, value: v, .. } in &f.bound {
        let _ = write!(out, " {}:", name.as_deref().unwrap_or(""));
        match v {
            Some(v) => value(ctx, v, out, depth)?,
            None => out.push('_'),
        }
    }
    Some(())
}
