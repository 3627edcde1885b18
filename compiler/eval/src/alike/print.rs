//! Values written down as far as a check can tell them apart.

use super::{DEPTH, ITEMS, SHAPES};
use crate::ctx::Ctx;
use crate::env::{Env, Found};
use crate::net::{Edit, EditValue, NetBase, NetValue, NetWeights, PatternArg};
use crate::program::ModuleId;
use crate::value::{Bound, Func, FuncKind, Value};
use crate::weights::WeightsValue;
use nas_diagnostics::Span;
use nas_grammar::ast::{Expr, FnDecl, NetDecl, Param};
use nas_ir::tensor::LeafKind;
use nas_ir::{Dim, Tensor};
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

pub type Names = Arc<Vec<Arc<str>>>;

/// Where a piece of tree is: in memory, or in the text.
#[derive(Debug, PartialEq, Eq, Hash, Clone, Copy)]
pub enum At {
    Memory(usize),
    Text(Span),
}

/// A piece of tree, kept as long as its place names it.
pub enum Tree {
    Decl(Arc<FnDecl>),
    Lambda(Arc<Vec<Param>>, Arc<Expr>),
    Net(Arc<NetDecl>),
    /// A piece that is copied where it is used.
    Text(Span),
}

impl Tree {
    fn at(&self) -> At {
        At::Memory(match self {
            Tree::Decl(d) => Arc::as_ptr(d) as usize,
            Tree::Lambda(_, body) => Arc::as_ptr(body) as usize,
            Tree::Net(n) => Arc::as_ptr(n) as usize,
            Tree::Text(span) => return At::Text(*span),
        })
    }

    fn text(&self) -> String {
        match self {
            Tree::Decl(d) => format!("{:?} {:?}", d.params, d.body),
            Tree::Lambda(params, body) => format!("{params:?} {body:?}"),
            Tree::Net(n) => format!("{n:?}"),
            Tree::Text(_) => String::new(),
        }
    }
}

/// A text that is equal for values that a check cannot tell apart.
pub struct Print<'a> {
    ctx: &'a Ctx,
    pub text: String,
    /// Stores of weights so far: each is named by the order in which it was met.
    pub stores: Vec<u64>,
    /// Inside a turn: the store that stands for whichever the net reads.
    pub own: Option<u64>,
    /// Only numbers, words, and things that nothing changes are written.
    inert: bool,
    /// Tensors are told by their shapes, however they were made; inside a turn two uses of one are told from two tensors.
    shapes: bool,
    pub tensors: Vec<Tensor>,
    /// Values that are named by their place in memory, which has to stay theirs.
    pub held: Vec<Value>,
}

impl<'a> Print<'a> {
    pub fn new(ctx: &'a Ctx, inert: bool) -> Print<'a> {
        Print {
            ctx,
            inert,
            shapes: false,
            tensors: vec![],
            held: vec![],
            text: String::with_capacity(128),
            stores: vec![],
            own: None,
        }
    }

    /// Where tensors are known by shape alone: inside a net that is checked.
    pub fn of_shapes(ctx: &'a Ctx) -> Print<'a> {
        Print {
            shapes: true,
            ..Print::new(ctx, false)
        }
    }

    /// A block with all that its body mentions.
    pub fn block(&mut self, decl: &Arc<FnDecl>, env: &Env) -> Option<()> {
        self.scope(Tree::Decl(decl.clone()), env, DEPTH)
    }

    /// The state of evaluation that what is computed here may hang on.
    pub fn state(&mut self, module: ModuleId) {
        let c = self.ctx;
        let _ = write!(
            self.text,
            "{module} {:?} {} {} {} {:?}",
            c.train, c.generic, c.measures, c.privy, c.clock
        );
    }

    /// A piece of tree, and what the names in it stand for in a scope.
    pub fn scope(&mut self, tree: Tree, env: &Env, depth: usize) -> Option<()> {
        let text = |t: &Tree| t.text();
        self.scope_of(tree, &text, env, depth)
    }

    fn scope_of(
        &mut self,
        tree: Tree,
        text: &dyn Fn(&Tree) -> String,
        env: &Env,
        depth: usize,
    ) -> Option<()> {
        let at = tree.at();
        let names = {
            let mut memo = self.ctx.alike.as_ref()?.lock().ok()?;
            let (_, names) = memo.names.entry(at).or_insert_with(|| {
                let text = text(&tree);
                let names = crate::show::names(&text).into_iter().map(Arc::from);
                (tree, Arc::new(names.collect()))
            });
            names.clone()
        };
        let _ = match at {
            At::Memory(at) => write!(self.text, "({at:x}"),
            At::Text(s) => write!(self.text, "({:?}", s),
        };
        for name in names.iter() {
            match env.find(name) {
                Some(Found::Value(v)) => {
                    let _ = write!(self.text, " {name}=");
                    self.value(&v, depth)?;
                }
                Some(Found::Item(item, around)) if self.shapes && depth > 1 => {
                    let _ = write!(self.text, " {name}:");
                    let text = |_: &Tree| format!("{item:?}");
                    self.scope_of(Tree::Text(item.span), &text, &around, depth - 1)?;
                }
                Some(Found::Cell(_) | Found::Item(..)) => return None,
                None => {}
            }
        }
        self.text.push(')');
        Some(())
    }

    /// A value as far as a check can tell it apart; by its place where it is not looked into.
    pub fn value(&mut self, v: &Value, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        if self.inert && !matches!(v, Value::List(_) | Value::Record(_)) && !super::inert(v, DEPTH)
        {
            return None;
        }
        let placed = match v {
            Value::Data(_)
            | Value::Table(_)
            | Value::Arch(_)
            | Value::Site(_)
            | Value::Dist(_)
            | Value::Window(_)
            | Value::Terms(_)
            | Value::Measure(_)
            | Value::Growth(_) => true,
            Value::List(l) => l.len() > if self.shapes { SHAPES } else { ITEMS },
            // Shares are told by the member that holds them.
            Value::Net(n) => {
                matches!(&n.base, NetBase::Member { arch, .. } if arch.mixture.is_some())
            }
            _ => false,
        };
        if placed {
            self.held.push(v.clone());
        }
        let out = &mut self.text;
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
            Value::Impossible => write!(out, "!"),
            Value::Module(m) => write!(out, "m{m}"),
            Value::Dim(d) => write!(out, "d{d:?}"),
            Value::Invalid(reason) => write!(out, "invalid {reason:?}"),
            Value::Space(s) => write!(out, "s{}", s.id),
            Value::Weights(w) => return self.weights(w, depth),
            Value::Data(d) => write!(out, "data{:p}", Arc::as_ptr(d)),
            Value::Table(t) => write!(out, "t{:p}", Arc::as_ptr(t)),
            Value::Arch(a) => write!(out, "a{:p}", Arc::as_ptr(a)),
            Value::Site(s) => write!(out, "site{:p}", Arc::as_ptr(s)),
            Value::Interval(i) => {
                self.value(&i.0, depth)?;
                self.text.push_str("..=");
                return self.value(&i.1, depth);
            }
            Value::Dist(x) => write!(out, "x{:p}", Arc::as_ptr(x)),
            Value::Clock(c) => write!(out, "{c:?}"),
            Value::Window(w) => write!(out, "w{:p}", Arc::as_ptr(w)),
            Value::Terms(t) => write!(out, "c{:p}", Arc::as_ptr(t)),
            Value::Measure(m) => write!(out, "m{:p}", Arc::as_ptr(m)),
            Value::Growth(g) => write!(out, "g{:p}", Arc::as_ptr(g)),
            Value::Picked(p) => {
                let _ = write!(out, "picked {} {} ", p.site, p.index);
                return self.value(&p.value, depth);
            }
            Value::Kept(k) => {
                out.push_str("kept ");
                self.value(&k.value, depth)?;
                return self.value(&k.history, depth);
            }
            Value::List(l) if placed => write!(out, "l{:p}", Arc::as_ptr(l)),
            Value::List(l) => return self.list(l, depth),
            Value::Record(r) => {
                out.push('{');
                for (k, v) in r.iter() {
                    let _ = write!(self.text, "{k}:");
                    self.value(v, depth)?;
                    self.text.push(',');
                }
                self.text.push('}');
                Ok(())
            }
            Value::Open(t) => {
                let _ = write!(out, "open{:?}", t.sites);
                return self.list(&t.values, depth);
            }
            Value::Tensor(t, element) => {
                let stands = matches!(
                    t.0.leaf.as_ref().map(|l| &l.kind),
                    Some(LeafKind::Abstract(_))
                );
                match stands || self.shapes {
                    true => {
                        let _ = write!(out, "T{element:?}");
                        self.shape(t);
                        if self.shapes && self.ctx.turn.is_some() {
                            self.met(t);
                        }
                        Ok(())
                    }
                    false => write!(out, "T{}", t.0.id),
                }
            }
            Value::Net(n) => return self.net(n, depth),
            Value::Func(f) => return self.func(f, depth),
            _ => return None,
        };
        Some(())
    }

    fn list(&mut self, l: &[Value], depth: usize) -> Option<()> {
        self.text.push('[');
        for v in l {
            self.value(v, depth)?;
            self.text.push(',');
        }
        self.text.push(']');
        Some(())
    }

    fn met(&mut self, t: &Tensor) {
        let at = self.tensors.iter().position(|m| m.0.id == t.0.id);
        let at = at.unwrap_or_else(|| {
            self.tensors.push(t.clone());
            self.tensors.len() - 1
        });
        let _ = write!(self.text, "#{at}");
    }

    /// A tensor by its shape and type.
    pub fn shape(&mut self, t: &Tensor) {
        let classes = self.ctx.shared.classes.lock().ok();
        let classes = classes.and_then(|c| c.get(&t.0.id).copied());
        self.text.push('[');
        for d in t.shape() {
            let _ = match d {
                Dim::Const(v) => write!(self.text, "{v},"),
                _ => {
                    let mut h = DefaultHasher::new();
                    d.hash(&mut h);
                    write!(self.text, "{:x},", h.finish())
                }
            };
        }
        let _ = write!(
            self.text,
            "]{:?}{}{}{classes:?}",
            t.dtype(),
            t.0.fixed,
            t.0.order
        );
    }

    /// Stores without slots of their own are alike outside a turn, where no gradient is followed.
    fn weights(&mut self, w: &WeightsValue, depth: usize) -> Option<()> {
        let empty = w.store.lock().is_ok_and(|s| s.is_empty())
            && w.history.lock().is_ok_and(|h| h.is_empty());
        let own = self.own == Some(w.id);
        if !empty || self.ctx.turn.is_some() && !own {
            let _ = write!(self.text, "w{}", w.id);
            return Some(());
        }
        if let Some(i) = self.stores.iter().position(|s| *s == w.id) {
            let _ = write!(self.text, "w#{i}");
            return Some(());
        }
        let _ = write!(self.text, "w#{}{}{own}", self.stores.len(), w.live);
        self.stores.push(w.id);
        if let Some(s) = &w.space {
            let _ = write!(self.text, " s{}", s.id);
        }
        for v in [&w.policy, &w.net].into_iter().flatten() {
            self.text.push(' ');
            self.value(v, depth)?;
        }
        Some(())
    }

    pub fn net(&mut self, n: &NetValue, depth: usize) -> Option<()> {
        let out = &mut self.text;
        out.push('N');
        let _ = match &n.base {
            NetBase::Member { space, arch } => {
                // Shares may hold weights of their own.
                if arch.mixture.is_some() {
                    write!(out, "{} {:p}", space.id, Arc::as_ptr(arch))
                } else {
                    write!(out, "{} {:?}", space.id, arch.arch)
                }
            }
            NetBase::AllMembers { space } => write!(out, "{}", space.id),
            NetBase::Literal { decl, env, module } => {
                let _ = write!(out, "{module}");
                self.scope(Tree::Net(decl.clone()), env, depth)?;
                Ok(())
            }
            NetBase::Block(b) => {
                self.value(b, depth)?;
                Ok(())
            }
        };
        match &n.weights {
            NetWeights::Fresh(_) => self.text.push_str(" fresh"),
            NetWeights::Stored(w) => self.weights(w, depth)?,
            NetWeights::Abstract => self.text.push_str(" abstract"),
        }
        let _ = write!(self.text, " {:?} {:?}", n.train, n.dtype);
        // Whose weights they are counts for gradients alone.
        if self.ctx.turn.is_some() {
            let _ = match n.reads {
                reads if reads == self.own => write!(self.text, "own"),
                reads => write!(self.text, "{reads:?}"),
            };
        }
        for e in &n.edits {
            self.edit(e, depth)?;
        }
        match &n.policy {
            Some(p) => self.value(p, depth),
            None => Some(()),
        }
    }

    pub fn edits(&mut self, edits: &[Arc<Edit>]) -> Option<()> {
        edits.iter().try_for_each(|e| self.edit(e, DEPTH))
    }

    fn edit(&mut self, e: &Edit, depth: usize) -> Option<()> {
        let _ = write!(
            self.text,
            " with {} {:?} {:?} {:?}",
            e.kind, e.param, e.binder, e.within
        );
        for (name, p) in &e.pattern {
            let _ = write!(self.text, " {name:?}");
            match p {
                PatternArg::Bind(n) => {
                    let _ = write!(self.text, "={n}");
                }
                PatternArg::Is(v) => self.value(v, depth)?,
            }
        }
        match &e.value {
            EditValue::Ready(v) => self.value(v, depth),
            EditValue::Later { value, env, module } => {
                let _ = write!(self.text, " {module}");
                let text = |_: &Tree| format!("{value:?}");
                self.scope_of(Tree::Text(value.span), &text, env, depth)
            }
        }
    }

    fn func(&mut self, f: &Func, depth: usize) -> Option<()> {
        match &f.kind {
            FuncKind::Decl {
                decl,
                module,
                env,
                lists,
                ..
            } => {
                let _ = write!(self.text, "F{module} {lists}");
                self.scope(Tree::Decl(decl.clone()), env, depth)?;
            }
            FuncKind::Lambda {
                params,
                body,
                module,
                env,
            } => {
                let _ = write!(self.text, "L{module}");
                self.scope(Tree::Lambda(params.clone(), body.clone()), env, depth)?;
            }
            FuncKind::Body { body, module, env } => {
                let _ = write!(self.text, "B{module}");
                let text = |_: &Tree| format!("{body:?}");
                self.scope_of(Tree::Text(body.span), &text, env, depth)?;
            }
            FuncKind::Target {
                target,
                module,
                env,
            } => {
                let _ = write!(self.text, ">{module}");
                let text = |_: &Tree| format!("{target:?}");
                self.scope_of(Tree::Text(target.span), &text, env, depth)?;
            }
            FuncKind::Partial { of } => {
                self.text.push('P');
                self.value(of, depth)?;
            }
            FuncKind::Space { decl, module } => {
                let _ = write!(self.text, "S{module} {:p}", Arc::as_ptr(decl));
            }
            FuncKind::Builtin { name, .. } => self.text.push_str(name),
            FuncKind::Method { receiver, name } => {
                let _ = write!(self.text, "M{name} ");
                self.value(receiver, depth)?;
            }
            FuncKind::Compose(parts) => {
                self.text.push('C');
                parts.iter().try_for_each(|p| self.value(p, depth))?;
            }
            FuncKind::Enlarge { .. } | FuncKind::Mixed(_) => return None,
        }
        for Bound { name, value: v, .. } in &f.bound {
            let _ = write!(self.text, " {}:", name.as_deref().unwrap_or(""));
            match v {
                Some(v) => self.value(v, depth)?,
                None => self.text.push('_'),
            }
        }
        Some(())
    }
}

/// A net as far as a check can tell it apart.
pub fn net(ctx: &Ctx, n: &NetValue) -> Option<(String, Vec<Value>)> {
    // Outside a turn a net gives shapes, and tensors that it holds are shapes.
    let mut p = match ctx.turn.is_some() {
        true => Print::new(ctx, false),
        false => Print::of_shapes(ctx),
    };
    p.own = n.store();
    p.net(n, DEPTH)?;
    Some((p.text, p.held))
}

/// A sharing policy of a space: the names that it gives do not follow from the values of tensors.
pub fn slots(ctx: &Ctx, space: u64, policy: &Value, states: bool) -> Option<String> {
    ctx.alike.as_ref()?;
    let mut p = Print::of_shapes(ctx);
    let _ = write!(p.text, "{space} {states} ");
    p.value(policy, DEPTH)?;
    p.held.is_empty().then_some(p.text)
}
