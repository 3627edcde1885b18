//! Fingerprints: equal for values that mean the same in every run, whatever place of whatever file they were written at.

use crate::ctx::Ctx;
use crate::env::{Env, Found};
use crate::program::{GlobalId, ModuleId, Program};
use crate::value::{Func, FuncKind, Value};
use nas_grammar::ast;
use nas_ir::{HostData, HostTensor};
use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

mod hash;
mod parts;

use super::bound::Bound;
use super::{erase_spans, normal_in};
use hash::Hash;
pub use hash::names;
use parts::{net, space, weights};

/// Closures are followed so deep; deeper ones count by their text.
const DEPTH: usize = 12;

/// The hash of a value's normal form, in hex. Functions count by their tree and what they hold, weights and data by content.
/// A declaration of a module that a function calls does not count here: the caller adds the program's digest.
pub fn fingerprint(v: &Value) -> String {
    let mut h = Hash::new(None);
    value(&mut h, v, DEPTH);
    h.end()
}

/// As [`fingerprint`]; declarations of modules that functions call count too.
pub fn fingerprint_in(ctx: &Ctx, v: &Value) -> String {
    let mut h = Hash::new(Some(ctx.program.clone()));
    value(&mut h, v, DEPTH);
    h.end()
}

/// The hash of a declaration and of all code that it reaches.
pub fn code_fingerprint(ctx: &Ctx, module: ModuleId, decl: &ast::FnDecl) -> String {
    // Declarations of the program stay where they are as long as it lives.
    let at = (module, std::ptr::from_ref(decl) as usize);
    let known = |all: &HashMap<_, String>| all.get(&at).cloned();
    if let Some(print) = ctx.shared.prints.lock().ok().and_then(|all| known(&all)) {
        return print;
    }
    let mut h = Hash::exact(ctx.program.clone());
    h.decl(module, decl);
    let tree = format!("{decl:?}");
    captured_by(&mut h, &tree, &Env::default(), module, DEPTH, &decl.params);
    let print = h.end();
    let own =
        |g: &crate::program::Global| match &ctx.program.modules[g.module].tree.items[g.item].kind {
            ast::ItemKind::Fn(d) => std::ptr::eq(&**d, decl),
            _ => false,
        };
    if ctx.program.globals.iter().any(own)
        && let Ok(mut all) = ctx.shared.prints.lock()
    {
        all.insert(at, print.clone());
    }
    print
}

/// The hash of a piece of tree and of all that its names stand for in a scope.
pub fn scope_fingerprint(ctx: &Ctx, tree: &str, env: &Env) -> String {
    let mut h = Hash::new(Some(ctx.program.clone()));
    h.text("tree", &in_scope(tree, env));
    captured(&mut h, tree, env, ctx.module, DEPTH);
    h.end()
}

/// The declarations that a piece of tree reaches from a module, each once, in the order they are met.
pub fn reached(program: &Arc<Program>, module: ModuleId, tree: &str) -> Vec<GlobalId> {
    let mut h = Hash::exact(program.clone());
    let bound = Bound::of(tree);
    for name in names(tree).into_iter().filter(|n| !bound.everywhere(n)) {
        h.global(module, name);
    }
    let mut all: Vec<(usize, GlobalId)> = h.seen.into_iter().map(|(id, at)| (at, id)).collect();
    all.sort_unstable();
    all.into_iter().map(|(_, id)| id).collect()
}

/// The hash of one declaration alone: its own tree, not what it calls.
pub fn item_fingerprint(program: &Arc<Program>, id: GlobalId) -> String {
    let mut h = Hash::new(None);
    h.item(program, id);
    h.end()
}

/// The normal form of a tree in a scope, places and names of variables left out.
pub fn form_in(tree: &str, env: &Env) -> String {
    in_scope(tree, env)
}

/// The normal form of a tree in a scope: names of the scope are told by the order they come in.
fn in_scope(tree: &str, env: &Env) -> String {
    let tree = super::bound::renamed(tree);
    let order = names(&tree);
    let bound = OnceCell::new();
    let own = |n: &str| bound.get_or_init(|| Bound::of(&tree)).everywhere(n);
    normal_in(&tree, |n| {
        env.find(n)?;
        if own(n) {
            return None;
        }
        order.iter().position(|o| *o == n).map(|i| format!("@{i}"))
    })
}

fn value(h: &mut Hash, v: &Value, depth: usize) {
    if depth == 0 {
        return h.text("deep", v.kind());
    }
    let d = depth - 1;
    match v {
        Value::None => h.part("none", &[]),
        Value::Bool(b) => h.part("bool", &[*b as u8]),
        Value::Int(i, u) => {
            h.part("int", &i.to_le_bytes());
            h.text("unit", u.name());
        }
        Value::Float(f, u) => {
            // Both zeros are one number.
            h.part("float", &(f + 0.0).to_bits().to_le_bytes());
            h.text("unit", u.name());
        }
        Value::Big(b) => h.text("big", &b.to_string()),
        Value::Text(t) => h.text("text", t),
        Value::Label(t) => h.text("label", t),
        Value::List(l) => {
            h.part("list", &(l.len() as u64).to_le_bytes());
            l.iter().for_each(|x| value(h, x, d));
        }
        Value::Record(r) => {
            h.part("record", &(r.len() as u64).to_le_bytes());
            for (k, x) in r.iter() {
                h.text("key", k);
                value(h, x, d);
            }
        }
        Value::Range(r) => h.text("range", &format!("{r:?}")),
        Value::Interval(i) => {
            h.part("interval", &[]);
            value(h, &i.0, d);
            value(h, &i.1, d);
        }
        Value::Tensor(t, e) => {
            h.text("tensor", &format!("{e:?} {:?}", t.shape()));
            match nas_ir::graph::collect(std::slice::from_ref(t)) {
                Ok((graph, bound)) => {
                    h.part("graph", &graph.to_le_bytes());
                    bound.values.iter().for_each(|x| host(h, x));
                    bound
                        .scalars
                        .iter()
                        .for_each(|x| h.part("scalar", &x.to_bits().to_le_bytes()));
                    bound
                        .keys
                        .iter()
                        .flatten()
                        .for_each(|x| h.part("draw", &x.to_le_bytes()));
                }
                Err(open) => h.text("open", &open.shape),
            }
        }
        Value::Dim(dim) => h.text("dim", &dim.to_string()),
        Value::Kept(k) => {
            value(h, &k.value, d);
            value(h, &k.history, d);
        }
        Value::Picked(p) => {
            h.text("picked", &p.label);
            value(h, &p.value, d);
        }
        Value::Func(f) => func(h, f, d),
        Value::Space(s) => space(h, s, d),
        Value::Arch(a) => {
            space(h, &a.space, d);
            h.tree("indices", &a.arch);
        }
        Value::Site(s) => h.text("site", &s.address),
        Value::Net(n) => net(h, n, d),
        Value::Call(c) => {
            h.text("call", &c.kind);
            h.text("path", &c.path);
            c.params.iter().chain(&c.overrides).for_each(|(k, x)| {
                h.text("param", k);
                value(h, x, d);
            });
            if let Some(b) = &c.block {
                value(h, b, d);
            }
        }
        Value::Weights(w) => weights(h, w, d),
        Value::Data(data) => {
            h.text("data", &data.digest());
            data.maps.iter().for_each(|m| value(h, m, d));
            h.text("batching", &format!("{:?}", data.batching));
            if let Some(t) = &data.test {
                h.text("test", &t.digest());
            }
        }
        Value::Dist(x) => match &**x {
            crate::value::Dist::OneOf(l) => {
                h.part("one of", &(l.len() as u64).to_le_bytes());
                l.iter().for_each(|x| value(h, x, d));
            }
            x => h.text("dist", &format!("{x:?}")),
        },
        Value::Module(m) => h.part("module", &(*m as u64).to_le_bytes()),
        Value::Clock(c) => h.text("clock", &format!("{c:?}")),
        Value::Open(t) => {
            h.text("open", &format!("{:?}", t.sites));
            t.values.iter().for_each(|x| value(h, x, d));
        }
        Value::Impossible => h.part("impossible", &[]),
        Value::Table(t) => {
            h.text("table", &t.name);
            h.text("file", &t.path);
            h.text("rows", t.digest());
            space(h, &t.space, d);
        }
        Value::Growth(g) => {
            value(h, &Value::Space(g.space.clone()), d);
            value(h, &Value::Arch(g.base.clone()), d);
            h.text(
                "moves",
                &format!(
                    "{:?}",
                    g.moves
                        .iter()
                        .map(|m| (&m.name, &m.steps))
                        .collect::<Vec<_>>()
                ),
            );
            value(h, &Value::Terms(g.cost.clone()), d);
        }
        Value::Move(m) => {
            value(h, &Value::Space(m.space.clone()), d);
            h.text("move", &format!("{} {:?}", m.name, m.steps));
        }
        Value::Terms(t) => {
            space(h, &t.space, d);
            // What the sum is, however it is split into tables.
            let mut sum: BTreeMap<&[(u32, u32)], Vec<i64>> = BTreeMap::new();
            for table in &t.tables {
                let here = sum.entry(&table.sites[..]);
                let all = here.or_insert_with(|| vec![0; table.values.len()]);
                all.iter_mut().zip(&table.values).for_each(|(a, b)| *a += b);
            }
            sum.retain(|_, values| values.iter().any(|v| *v != 0));
            h.text("terms", &format!("{sum:?}"));
        }
        Value::Invalid(reason) => h.text("invalid", reason),
        Value::Unknown(_) => h.part("unknown", &[]),
        Value::Term(t) => h.text("term", &t.text),
        Value::Rewrite(d, _) => h.text("rewrite", &erase_spans(&format!("{:?}", d.rules))),
        other => h.text("other", &erase_spans(&format!("{other:?}"))),
    }
}

fn host(h: &mut Hash, t: &HostTensor) {
    h.text("shape", &format!("{:?}", t.shape));
    // In fixed byte order, hashed in pieces: the same on every machine.
    let mut bytes = Vec::with_capacity(t.bytes());
    match &t.data {
        HostData::F32(d) => d
            .iter()
            .for_each(|v| bytes.extend(v.to_bits().to_le_bytes())),
        HostData::F64(d) => d
            .iter()
            .for_each(|v| bytes.extend(v.to_bits().to_le_bytes())),
        HostData::I32(d) => d.iter().for_each(|v| bytes.extend(v.to_le_bytes())),
    }
    h.part("values", &bytes);
}

/// The values that a tree's debug text names in a scope.
pub fn named(tree: &str, env: &Env) -> Vec<Value> {
    let bound = OnceCell::new();
    let own = |n: &str| bound.get_or_init(|| Bound::of(tree)).everywhere(n);
    let all = names(tree).into_iter();
    let around = all.filter(|n| env.find(n).is_some() && !own(n));
    around
        .filter_map(|n| match env.find(n)? {
            Found::Value(v) => Some(v),
            Found::Cell(c) => c.lock().ok().map(|v| v.clone()),
            Found::Item(..) => None,
        })
        .collect()
}

fn func(h: &mut Hash, f: &Func, depth: usize) {
    match &f.kind {
        FuncKind::Decl {
            decl,
            env,
            lists,
            module,
            ..
        } => {
            h.decl(*module, decl);
            h.part("lists", &(*lists as u64).to_le_bytes());
            let tree = format!("{decl:?}");
            captured_by(h, &tree, env, *module, depth, &decl.params);
        }
        FuncKind::Lambda {
            params,
            body,
            module,
            env,
        } => {
            // As it stands in a tree, so that its parameters are seen to be its own.
            let tree = format!("Lambda {{ params: {params:?}, body: {body:?} }}");
            h.text("lambda", &super::bound::parts(&in_scope(&tree, env)));
            captured(h, &tree, env, *module, depth);
        }
        FuncKind::Body { body, module, env } => {
            h.tree("block", body);
            captured(h, &format!("{body:?}"), env, *module, depth);
        }
        FuncKind::Target {
            target,
            module,
            env,
        } => {
            h.tree("target", target);
            captured(h, &format!("{target:?}"), env, *module, depth);
        }
        FuncKind::Partial { of } => {
            h.part("partial", &[]);
            value(h, of, depth);
        }
        FuncKind::Space { decl, module } => {
            h.tree("space", decl);
            captured(h, &format!("{decl:?}"), &Env::default(), *module, depth);
        }
        FuncKind::Enlarge { decl, module } => {
            h.tree("space", decl);
            captured(h, &format!("{decl:?}"), &Env::default(), *module, depth);
        }
        FuncKind::Builtin { name, .. } => h.text("builtin", name),
        FuncKind::Method { receiver, name } => {
            h.text("method", name);
            value(h, receiver, depth);
        }
        // Named by the member that it is of.
        FuncKind::Mixed(m) => h.text("mixed", &format!("{m:?}")),
        FuncKind::Compose(parts) => {
            h.part("compose", &(parts.len() as u64).to_le_bytes());
            parts.iter().for_each(|p| value(h, p, depth));
        }
    }
    h.part("bound", &(f.bound.len() as u64).to_le_bytes());
    for b in &f.bound {
        h.text("name", b.name.as_deref().unwrap_or(""));
        match &b.value {
            Some(v) => value(h, v, depth),
            None => h.part("hole", &[]),
        }
    }
}

/// What the names in a tree stand for in the scope around it.
fn captured(h: &mut Hash, tree: &str, env: &Env, module: ModuleId, depth: usize) {
    captured_by(h, tree, env, module, depth, &[]);
}

/// The same of a declaration with these parameters.
fn captured_by(
    h: &mut Hash,
    tree: &str,
    env: &Env,
    module: ModuleId,
    depth: usize,
    params: &[Vec<ast::Param>],
) {
    let hidden = h.hidden(params);
    let bound = OnceCell::new();
    let own = |n: &str| bound.get_or_init(|| Bound::of(tree)).everywhere(n);
    for (i, name) in names(tree).into_iter().enumerate() {
        // Which of the tree's names it is, whatever it is called.
        let place = i.to_string();
        // A lambda's or a comprehension's own variable is nothing around it, whatever else has its name.
        let outside = || env.find(name).is_some() || h.knows(module, name);
        if outside() && own(name) {
            continue;
        }
        match env.find(name) {
            Some(Found::Value(v)) => {
                h.text("holds", &place);
                value(h, &v, depth.saturating_sub(1));
            }
            Some(Found::Item(item, _)) => {
                h.text("nested", name);
                h.tree("item", &item.kind);
            }
            Some(Found::Cell(c)) => {
                h.text("cell", &place);
                let v = c.lock().map(|v| v.clone());
                if let Ok(v) = v {
                    value(h, &v, depth.saturating_sub(1));
                }
            }
            None if hidden.contains(name) => {}
            None => h.global(module, name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_differ() {
        let a = fingerprint(&Value::list(vec![Value::int(1), Value::int(2)]));
        assert_eq!(
            a,
            fingerprint(&Value::list(vec![Value::int(1), Value::int(2)]))
        );
        assert_ne!(a, fingerprint(&Value::list(vec![Value::int(12)])));
        assert_ne!(fingerprint(&Value::int(1)), fingerprint(&Value::float(1.0)));
    }
}
