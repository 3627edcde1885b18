//! `space modulo [rules]`: classes of equal members, each with a canonical key.

use super::{Algebra, ArchValue, SpaceValue};
use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::host::Event;
use crate::model::{merge, within_open};
use crate::program::ModuleId;
use crate::value::Value;
use crate::{Fault, Result};
use keys::{by_function, by_rules, graph, key_text, no_key};
use nas_diagnostics::Span;
use nas_grammar::ast::{Expr, ExprKind, ListItem, RewriteDecl};
use nas_space::{self as algebra, Arch, GraphShape, Quotient, QuotientError};
use num_bigint::BigUint;
use std::sync::{Arc, OnceLock};

mod keys;

/// Members that are gone through for classes, at most.
const MEMBERS: u64 = 5_000_000;
/// The same where each one's key is evaluated by itself.
const SLOW: u64 = 200_000;

/// The classes of a quotient.
pub struct Classes {
    key: Key,
    size: BigUint,
    graphs: Option<algebra::GraphClasses>,
    listed: OnceLock<Arc<Quotient>>,
}

/// How members are told apart.
enum Key {
    /// Open values, each a table of numbers of texts: equal members have equal numbers in all.
    Tables(Vec<algebra::Table<u32>>),
    /// A graph, and the choices that are no part of it.
    Graph(GraphShape, Vec<usize>),
    /// A function of one member at a time.
    Each(Value),
}

/// What one entry of `modulo [..]` says.
enum Entry {
    Rules(Arc<RewriteDecl>, ModuleId),
    Graph(GraphShape),
    Function(Value),
}

impl std::fmt::Debug for Classes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Classes({})", self.size)
    }
}

/// The classes of a space that has a `modulo`; `None` for one that has none.
pub fn of(ctx: &mut Ctx, s: &Arc<SpaceValue>, span: Span) -> Result<Option<Arc<Classes>>> {
    if s.modulo.is_empty() {
        return Ok(None);
    }
    let a = s.algebra(ctx, span)?;
    if let Some(c) = a.classes.get() {
        return Ok(Some(c.clone()));
    }
    let c = Arc::new(ctx.once(|ctx| build(ctx, s, &a, span))?);
    Ok(Some(a.classes.get_or_init(|| c).clone()))
}

/// The number of members, or of classes where the space has a `modulo`.
pub fn size(ctx: &mut Ctx, s: &Arc<SpaceValue>, span: Span) -> Result<BigUint> {
    match of(ctx, s, span)? {
        Some(c) => Ok(c.size.clone()),
        None => {
            let a = s.algebra(ctx, span)?;
            a.space
                .feasible_size()
                .map_err(|e| super::too_hard(e, span))
        }
    }
}

/// Whether a quotient has to be counted by its members, and can be.
pub fn listed_in_time(ctx: &mut Ctx, s: &Arc<SpaceValue>, span: Span) -> Result<bool> {
    if s.modulo.is_empty() {
        return Ok(false);
    }
    let a = s.algebra(ctx, span)?;
    let entries = all_listed(ctx, s)?;
    let limit = match entries.iter().all(|e| matches!(e, Entry::Rules(..))) {
        true => SLOW,
        false => unsized_classes(ctx, s, &a, span)?.limit(),
    };
    let total = a
        .space
        .feasible_size()
        .map_err(|e| super::too_hard(e, span))?;
    Ok(!entries.is_empty() && total <= limit.into())
}

fn all_listed(ctx: &mut Ctx, s: &Arc<SpaceValue>) -> Result<Vec<Entry>> {
    let mut entries = vec![];
    for (e, env, module) in &s.modulo {
        let elaborated = s.elaborate(ctx)?;
        let scope = merge(&elaborated.env, env, s);
        within_open(ctx, &elaborated, |ctx| {
            ctx.in_module(*module, |ctx| listed(ctx, s, e, &scope, &mut entries))
        })?;
    }
    Ok(entries)
}

fn build(ctx: &mut Ctx, s: &Arc<SpaceValue>, a: &Arc<Algebra>, span: Span) -> Result<Classes> {
    let mut classes = unsized_classes(ctx, s, a, span)?;
    if let Key::Graph(shape, rest) = &classes.key {
        let free = rest
            .iter()
            .all(|s| a.space.model().sites[*s].labels.len() == 1);
        if free && let Some(g) = shape.classes(&a.space, MEMBERS) {
            classes.size = g.count.clone();
            classes.graphs = Some(g);
            return Ok(classes);
        }
    }
    let q = classes.list(ctx, s, &a.space, span)?;
    classes.size = q.len().into();
    Ok(classes)
}

/// What tells the members of a quotient apart; its classes are not counted, so the space may be of any size.
pub fn told(ctx: &mut Ctx, s: &Arc<SpaceValue>, span: Span) -> Result<Classes> {
    let a = s.algebra(ctx, span)?;
    unsized_classes(ctx, s, &a, span)
}

fn unsized_classes(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    a: &Arc<Algebra>,
    span: Span,
) -> Result<Classes> {
    let entries = all_listed(ctx, s)?;
    let mut rules = vec![];
    let mut others = vec![];
    for e in entries {
        match e {
            Entry::Rules(d, m) => rules.push((d, m)),
            other => others.push(other),
        }
    }
    let key = match (rules.is_empty(), others.len()) {
        (false, 0) => by_rules(ctx, s, a, &rules, span)?,
        (true, 1) => match others.remove(0) {
            Entry::Graph(shape) => {
                let sites = a.space.model().sites.len();
                let read = |i: &usize| {
                    shape.edges.iter().any(|e| e.2 == *i) || shape.labels.iter().any(|l| l.1 == *i)
                };
                let rest = (0..sites).filter(|i| !read(i)).collect();
                Key::Graph(shape, rest)
            }
            Entry::Function(f) => by_function(ctx, s, a, f, span)?,
            Entry::Rules(..) => Key::Tables(vec![]),
        },
        (true, 0) => {
            // Equal only to themselves.
            return Err(fault("E0602", "`modulo` needs at least one rule or key")
                .at(span, "here")
                .into());
        }
        _ => {
            return Err(fault(
                "E0309",
                "rewrite rules, a graph and a key of one's own are not joined by this version",
            )
            .at(s.modulo[0].0.span, "one kind at a time")
            .into());
        }
    };
    Ok(Classes {
        key,
        size: BigUint::ZERO,
        graphs: None,
        listed: OnceLock::new(),
    })
}

/// The entries of `[a, b]`, or of one name.
fn listed(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    e: &Expr,
    env: &Env,
    out: &mut Vec<Entry>,
) -> Result<()> {
    if let ExprKind::List(items) = &e.kind {
        for i in items {
            let (ListItem::Item(x) | ListItem::Spread(x)) = i;
            listed(ctx, s, x, env, out)?;
        }
        return Ok(());
    }
    let v = ctx.eval(e, env)?;
    add(ctx, s, v, e.span, out)
}

fn add(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    v: Value,
    span: Span,
    out: &mut Vec<Entry>,
) -> Result<()> {
    match v.plain() {
        Value::Rewrite(d, m) => out.push(Entry::Rules(d.clone(), *m)),
        Value::List(l) => {
            for x in l.iter() {
                add(ctx, s, x.clone(), span, out)?;
            }
        }
        Value::Record(r) if r.contains_key("isomorphic edges") => {
            out.push(Entry::Graph(graph(ctx, r, span)?));
        }
        Value::Func(_) => out.push(Entry::Function(v)),
        other => {
            return Err(fault(
                "E0301",
                format!(
                    "`modulo` takes rewrite rules, `isomorphic(edges, labels)` or a key of a member, and this is {}",
                    other.kind()
                ),
            )
            .at(span, "here")
            .into());
        }
    }
    Ok(())
}

impl Classes {
    /// The number of classes.
    pub fn size(&self) -> &BigUint {
        &self.size
    }

    /// Members gone through, at most.
    fn limit(&self) -> u64 {
        match self.key {
            Key::Each(_) => SLOW,
            _ => MEMBERS,
        }
    }

    /// All classes with the first member of each.
    pub fn list(
        &self,
        ctx: &mut Ctx,
        s: &Arc<SpaceValue>,
        space: &algebra::Space,
        span: Span,
    ) -> Result<Arc<Quotient>> {
        if let Some(q) = self.listed.get() {
            return Ok(q.clone());
        }
        let wide = || -> Fault {
            fault(
                "E0606",
                "a choice has too many options for classes to be listed",
            )
            .at(span, "here")
            .into()
        };
        if let (Some(g), Key::Graph(shape, _)) = (&self.graphs, &self.key) {
            let members = g.members(shape).into_iter();
            let q = Quotient::of_members(space, members).ok_or_else(wide)?;
            return Ok(self.listed.get_or_init(|| Arc::new(q)).clone());
        }
        let limit = self.limit();
        let total = space
            .feasible_size()
            .map_err(|e| super::too_hard(e, span))?;
        if total > limit.into() {
            return Err(fault(
                "E0606",
                format!(
                    "`{}` has {total} members: classes are told by going through them, up to {limit}",
                    s.name
                ),
            )
            .at(span, "this quotient")
            .help("leave `modulo` out, or restrict the space by `where` first")
            .into());
        }
        let steps = i64::try_from(&total).unwrap_or(i64::MAX);
        let stage: Arc<str> = format!("classes of {}", s.name).into();
        let host = ctx.host.clone();
        let told = |n: u64| {
            host.event(Event::Step {
                stage: stage.clone(),
                step: n as i64,
                steps,
                loss: None,
            })
        };
        let made = ctx.once(|ctx| {
            let of = |m: &_| self.key_of(ctx, s, space, m, span);
            Ok(Quotient::by_key(space, limit, of, told))
        })?;
        let q = made.map_err(|e| match e {
            QuotientError::Caller(f) => f,
            QuotientError::Wide => wide(),
            QuotientError::TooMany { limit } => {
                fault("E0606", format!("more than {limit} members"))
                    .at(span, "here")
                    .into()
            }
        })?;
        Ok(self.listed.get_or_init(|| Arc::new(q)).clone())
    }

    /// The canonical key of a member; `None` for a graph whose exit is not reached.
    pub fn key_of(
        &self,
        ctx: &mut Ctx,
        s: &Arc<SpaceValue>,
        space: &algebra::Space,
        m: &Arch,
        span: Span,
    ) -> Result<Option<Vec<u8>>> {
        Ok(match &self.key {
            Key::Tables(tables) => {
                let mut key = Vec::with_capacity(4 * tables.len());
                for t in tables {
                    let n = t.at(space.model(), m).copied().unwrap_or(0);
                    key.extend(n.to_le_bytes());
                }
                Some(key)
            }
            Key::Graph(shape, rest) => shape.key(m).map(|mut k| {
                for s in rest {
                    let o = m.0.get(*s).copied().flatten();
                    k.extend((o.map_or(0, |o| o as u32 + 1)).to_le_bytes());
                }
                k
            }),
            Key::Each(f) => {
                let a = Value::Arch(ArchValue::new(s.clone(), m.clone()));
                let v = call::apply(ctx, f.clone(), a, span)?;
                match key_text(&v) {
                    Some(t) => Some(t.into_bytes()),
                    None => return Err(no_key(v.kind(), span)),
                }
            }
        })
    }

    /// The member that stands for the class of a member.
    pub fn canonical(
        &self,
        ctx: &mut Ctx,
        s: &Arc<SpaceValue>,
        space: &algebra::Space,
        m: &Arch,
        span: Span,
    ) -> Result<Option<Arch>> {
        let q = self.list(ctx, s, space, span)?;
        let Some(key) = self.key_of(ctx, s, space, m, span)? else {
            return Ok(None);
        };
        if let (Some(_), Key::Graph(..)) = (&self.graphs, &self.key) {
            // Listed without keys: found by comparing.
            for i in 0..q.len() {
                let Some(r) = q.representative(i) else { break };
                if self.key_of(ctx, s, space, &r, span)?.as_ref() == Some(&key) {
                    return Ok(Some(r));
                }
            }
            return Ok(None);
        }
        Ok(q.class_of(&key).and_then(|c| q.representative(c)))
    }

    /// Whether two members are of one class.
    pub fn same(
        &self,
        ctx: &mut Ctx,
        s: &Arc<SpaceValue>,
        space: &algebra::Space,
        (a, b): (&Arch, &Arch),
        span: Span,
    ) -> Result<bool> {
        Ok(self.key_of(ctx, s, space, a, span)? == self.key_of(ctx, s, space, b, span)?)
    }
}

/// `isomorphic(edges, labels)`: graphs up to the order of their vertices, for `modulo`.
pub fn isomorphic(_: &mut Ctx, args: &mut Args) -> Result<Value> {
    let mut r = crate::value::Fields::new();
    r.insert("isomorphic edges".into(), args.need("edges")?);
    r.insert("isomorphic labels".into(), args.need("labels")?);
    Ok(Value::record(r))
}
