//! `enlarge`: a space, a base member, and moves, each of which raises a named cost wherever it applies.

mod prove;

pub use prove::{reach, reachable};

use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::env::{Env, Found};
use crate::net::{NetBase, NetValue, NetWeights};
use crate::program::ModuleId;
use crate::space::{self, ArchValue, SpaceValue, Terms};
use crate::value::{FuncKind, Unit, Value};
use crate::{Fault, Result, access, number, stmt};
use nas_diagnostics::Span;
use nas_grammar::ast::{EnlargeDecl, Expr, Move, WithTarget};
use nas_space as algebra;
use std::sync::Arc;

/// A family that grows from a base.
#[derive(Debug)]
pub struct GrowthValue {
    pub name: Arc<str>,
    pub space: Arc<SpaceValue>,
    pub base: Arc<ArchValue>,
    pub moves: Vec<Arc<MoveValue>>,
    /// The cost that every move raises, over the whole space.
    pub cost: Arc<Terms>,
    pub span: Span,
    /// The largest cost that it grows to, once asked for.
    largest: std::sync::OnceLock<Option<i128>>,
}

/// One move: what becomes of the options of some sites.
#[derive(Debug)]
pub struct MoveValue {
    /// `wider(s = 1)`
    pub name: Arc<str>,
    pub space: Arc<SpaceValue>,
    /// A site, and the option that follows each of its options.
    pub steps: Vec<(usize, Vec<Option<usize>>)>,
    pub span: Span,
}

/// A family given its space and its base.
pub fn instantiate(
    ctx: &mut Ctx,
    decl: &Arc<EnlargeDecl>,
    module: ModuleId,
    args: Args,
) -> Result<Value> {
    let span = args.span;
    let env = ctx.in_module(module, |ctx| {
        call::bind(ctx, &decl.name.text, &decl.params, args, &Env::default())
    })?;
    let (mut family, mut base) = (None, None);
    let mut unknown = false;
    for p in &decl.params {
        match env.find(&p.name.text) {
            Some(Found::Value(Value::Space(s))) => family = Some(s),
            Some(Found::Value(Value::Arch(a))) => base = Some(a),
            Some(Found::Value(v)) if v.is_unknown() => unknown = true,
            _ => {}
        }
    }
    // Of a base that is made in a run the moves are known all the same: any member stands in for it.
    if unknown {
        if let (Some(s), None) = (&family, &base) {
            let first = s.algebra(ctx, span)?.space.enumerate().next();
            base = first.map(|m| ArchValue::new(s.clone(), m));
        }
        if base.is_none() {
            return Ok(Value::unknown());
        }
    }
    let (Some(family), Some(base)) = (family, base) else {
        return Err(fault(
            "E0302",
            format!("`{}` needs a space and a base member of it", decl.name.text),
        )
        .at(decl.name.span, "declared here")
        .help("write `enlarge growth(space: Space, base: Arch) { … }`")
        .into());
    };
    family.algebra(ctx, span)?;
    let base = match Arc::ptr_eq(&base.space.base, &family.base) {
        true => base,
        false => {
            return Err(fault(
                "E0605",
                format!(
                    "the base is a member of `{}`, not of `{}`",
                    base.space.name, family.name
                ),
            )
            .at(span, "here")
            .into());
        }
    };
    let e = family.elaborate(ctx)?;
    let mut scope = env.clone();
    for n in family.names() {
        if env.find(&n).is_none()
            && let Some(Found::Value(v)) = e.env.find(&n)
        {
            scope = scope.bind(n.into(), v);
        }
    }
    let saved = (ctx.space.replace(e.context.clone()), ctx.net.take());
    let moves = ctx.in_module(module, |ctx| {
        let mut all = vec![];
        for m in &decl.moves {
            turns(ctx, m, 0, &scope, &mut vec![], &family, &mut all)?;
        }
        Ok::<_, Fault>(all)
    });
    (ctx.space, ctx.net) = saved;
    let moves = moves?;
    let cost = ctx.in_module(module, |ctx| raised(ctx, decl, &family, &env))?;
    let g = GrowthValue {
        name: decl.name.text.clone(),
        space: family,
        base,
        moves,
        cost,
        span,
        largest: std::sync::OnceLock::new(),
    };
    for m in &g.moves {
        prove::raises(ctx, &g, m, decl)?;
    }
    // Nothing that follows from the stand-in is told.
    if unknown {
        return Ok(Value::unknown());
    }
    Ok(Value::Growth(Arc::new(g)))
}

/// `raises macs.core`: the cost over all members.
fn raised(
    ctx: &mut Ctx,
    decl: &EnlargeDecl,
    family: &Arc<SpaceValue>,
    env: &Env,
) -> Result<Arc<Terms>> {
    let Some(e) = &decl.raises else {
        return Err(fault(
            "E0624",
            format!(
                "`{}` does not say which cost its moves raise",
                decl.name.text
            ),
        )
        .at(decl.name.span, "in this family")
        .help("add `raises macs.core`")
        .into());
    };
    let f = ctx.eval(e, env)?;
    let n = Value::Net(Arc::new(NetValue::new(
        NetBase::AllMembers {
            space: family.clone(),
        },
        NetWeights::Abstract,
    )));
    let v = match f.plain() {
        Value::Func(_) | Value::Module(_) => call::apply(ctx, f, n, e.span)?,
        _ => f,
    };
    match v.plain() {
        Value::Terms(t) => Ok(t.clone()),
        Value::Int(n, unit) => Ok(Arc::new(Terms {
            space: family.clone(),
            tables: vec![nas_ir::Table::constant(*n)],
            unit: *unit,
        })),
        other => Err(fault(
            "E0624",
            format!(
                "moves raise a cost of the nets, and this is {}",
                other.kind()
            ),
        )
        .at(e.span, "here")
        .help("write `raises macs.core` or `raises params`")
        .into()),
    }
}

/// One move for each turn of what it ranges over.
fn turns(
    ctx: &mut Ctx,
    m: &Move,
    depth: usize,
    env: &Env,
    named: &mut Vec<String>,
    family: &Arc<SpaceValue>,
    out: &mut Vec<Arc<MoveValue>>,
) -> Result<()> {
    let Some((pattern, over)) = m.over.get(depth) else {
        out.push(Arc::new(one(ctx, m, env, named, family)?));
        return Ok(());
    };
    let v = ctx.eval(over, env)?;
    // As many turns as the largest member has; a move that a member has no place for does not apply to it.
    let v = match space::open_of(ctx, &v, over.span)?.plain() {
        Value::Open(t) => {
            let mut longest: Vec<Value> = vec![];
            for x in &t.values {
                let items = access::items(ctx, x, over.span)?;
                if items.len() > longest.len() {
                    longest = items;
                }
            }
            longest
        }
        other => access::items(ctx, other, over.span)?,
    };
    for x in v {
        let inner = stmt::destructure(ctx, pattern, x.clone(), env)?;
        named.push(format!(
            "{} = {}",
            pattern_text(pattern),
            crate::show::brief(&x)
        ));
        turns(ctx, m, depth + 1, &inner, named, family, out)?;
        named.pop();
    }
    Ok(())
}

fn pattern_text(p: &nas_grammar::ast::Pattern) -> String {
    match &p.kind {
        nas_grammar::ast::PatternKind::Name(n) => n.text.to_string(),
        _ => "it".into(),
    }
}

fn one(
    ctx: &mut Ctx,
    m: &Move,
    env: &Env,
    named: &[String],
    family: &Arc<SpaceValue>,
) -> Result<MoveValue> {
    let sites = family.sites();
    let mut steps: Vec<(usize, Vec<Option<usize>>)> = vec![];
    for e in &m.edits {
        let WithTarget::Path(p) = &e.target else {
            return Err(fault("E0309", "a move edits choices by name")
                .at(e.span, "here")
                .into());
        };
        let pattern = space::address_pattern(ctx, p, env)?;
        let met: Vec<usize> = (0..sites.len())
            .filter(|i| space::matches_address(&pattern, &sites[*i].address))
            .collect();
        if met.is_empty() {
            return Err(no_choice(&pattern, p, family));
        }
        for i in met {
            if steps.iter().any(|s| s.0 == i) {
                return Err(fault(
                    "E0301",
                    format!("a move edits `{}` twice", sites[i].address),
                )
                .at(e.span, "the second time")
                .into());
            }
            let mut map = vec![];
            for o in &sites[i].options {
                let v = ctx.eval(&e.value, &env.bind("it".into(), o.clone()))?;
                map.push(match v.plain() {
                    Value::Open(_) | Value::Dim(_) => {
                        return Err(fault(
                            "E0301",
                            "what a move makes of a choice follows from `it` alone",
                        )
                        .at(e.value.span, "depends on other choices")
                        .into());
                    }
                    Value::Invalid(_) => None,
                    _ => sites[i]
                        .options
                        .iter()
                        .zip(&sites[i].labels)
                        .position(|(o, l)| {
                            matches!(&v, Value::Label(x) | Value::Text(x) if x == l)
                                || number::equal(o, &v) == Some(true)
                        }),
                });
            }
            steps.push((i, map));
        }
    }
    let name = match named.is_empty() {
        true => m.name.text.to_string(),
        false => format!("{}({})", m.name.text, named.join(", ")),
    };
    Ok(MoveValue {
        name: name.into(),
        space: family.clone(),
        steps,
        span: m.span,
    })
}

fn no_choice(pattern: &str, p: &Expr, family: &SpaceValue) -> Fault {
    let sites = family.sites();
    let names: Vec<&str> = sites.iter().map(|s| &*s.address).collect();
    let mut d = fault(
        "E0605",
        format!("`{pattern}` is no choice of `{}`", family.name),
    )
    .at(p.span, "edited here");
    d = match nas_diagnostics::did_you_mean(pattern, names.clone()) {
        Some(c) => d.help(format!("did you mean `{c}`?")),
        None => d.note(format!("its choices are {}", names.join(", "))),
    };
    d.into()
}

/// The member after a move; `None` where the move does not apply, or leaves the space.
pub(crate) fn moved(
    ctx: &mut Ctx,
    m: &MoveValue,
    a: &algebra::Arch,
) -> Result<Option<algebra::Arch>> {
    let mut next = a.clone();
    for (site, map) in &m.steps {
        let Some(o) = a.0.get(*site).copied().flatten() else {
            return Ok(None);
        };
        let Some(new) = map.get(o).copied().flatten() else {
            return Ok(None);
        };
        next.0[*site] = Some(new);
    }
    let alg = m.space.algebra(ctx, m.span)?;
    if alg.space.contains(&next).is_ok() {
        return Ok(Some(next));
    }
    // Choices that appear take their first option, those that go are left out.
    let built = alg
        .space
        .build(|_, site, allowed, _| -> std::result::Result<usize, Fault> {
            match next.0.get(site).copied().flatten() {
                Some(o) if allowed.contains(&o) => Ok(o),
                Some(_) => Ok(usize::MAX),
                None => Ok(allowed.first().copied().unwrap_or(usize::MAX)),
            }
        });
    Ok(built.ok())
}

/// A move on a member: another member, or invalid with the reason.
pub fn apply(ctx: &mut Ctx, m: &Arc<MoveValue>, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("arch")?;
    let a = match v.plain() {
        Value::Arch(a) => a.clone(),
        Value::Unknown(_) | Value::Invalid(_) => return Ok(v),
        other => {
            return Err(fault(
                "E0301",
                format!(
                    "a move is made on an architecture, and this is {}",
                    other.kind()
                ),
            )
            .at(span, "here")
            .into());
        }
    };
    Ok(match moved(ctx, m, &a.arch)? {
        Some(next) => Value::Arch(ArchValue::new(a.space.clone(), next)),
        None => Value::invalid(format!("{} does not apply", m.name)),
    })
}

impl GrowthValue {
    /// The raised cost of one member.
    pub fn cost_of(&self, a: &algebra::Arch) -> i64 {
        let option = |s: u32| a.0.get(s as usize).copied().flatten().unwrap_or(0);
        self.cost
            .tables
            .iter()
            .map(|t| t.values.get(t.index(option)).copied().unwrap_or(0))
            .sum()
    }

    pub fn unit(&self) -> Unit {
        self.cost.unit
    }

    pub fn field(&self, key: &str) -> Option<Value> {
        match key {
            "base" => Some(Value::Arch(self.base.clone())),
            "space" => Some(Value::Space(self.space.clone())),
            "moves" => Some(Value::list(
                self.moves.iter().map(|m| Value::Move(m.clone())).collect(),
            )),
            "name" => Some(Value::text(self.name.clone())),
            _ => None,
        }
    }
}

/// `push(g, a, m, low ..= high)`: a move again and again until the cost is in the window; invalid where it jumps over it, or the family ends.
pub fn push(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let (g, a, m) = (args.need("g")?, args.need("arch")?, args.need("move")?);
    let window = args.need("window")?;
    let (Value::Growth(g), false) = (g.plain(), a.is_unknown() || m.is_unknown()) else {
        if let Value::Growth(g) = g.plain() {
            let (low, _) = ends(ctx, &window, span)?;
            if let Some(low) = low {
                prove::within(ctx, g, low, span)?;
            }
        }
        return Ok(Value::unknown());
    };
    let (low, high) = ends(ctx, &window, span)?;
    if let (Some(low), true) = (low, ctx.checking()) {
        prove::within(ctx, g, low, span)?;
    }
    let (a, m) = match (a.plain(), m.plain()) {
        (Value::Invalid(_), _) => return Ok(a),
        (Value::Arch(a), Value::Move(m)) => (a.clone(), m.clone()),
        (x, y) => {
            return Err(fault(
                "E0301",
                format!(
                    "`push` takes a member and a move, and these are {} and {}",
                    x.kind(),
                    y.kind()
                ),
            )
            .at(span, "here")
            .into());
        }
    };
    let Some(low) = low else {
        return Ok(Value::unknown());
    };
    let mut at = a.arch.clone();
    // Each turn raises the cost, so there are no more of them than options of its sites.
    while (g.cost_of(&at) as f64) < low {
        match moved(ctx, &m, &at)? {
            Some(next) => at = next,
            None => {
                return Ok(Value::invalid(format!(
                    "{} ends at {} below the window",
                    m.name,
                    g.cost_of(&at)
                )));
            }
        }
    }
    let cost = g.cost_of(&at);
    if high.is_some_and(|h| cost as f64 > h) {
        return Ok(Value::invalid(format!(
            "{} jumps over the window, to {cost}",
            m.name
        )));
    }
    Ok(Value::Arch(ArchValue::new(a.space.clone(), at)))
}

type Ends = (Option<f64>, Option<f64>);

/// A window's ends; a single number is its low end.
fn ends(ctx: &mut Ctx, v: &Value, span: Span) -> Result<Ends> {
    let mut number = |v: &Value| -> Result<Option<f64>> {
        if v.is_unknown() || matches!(v.plain(), Value::None) {
            return Ok(None);
        }
        crate::train::number(ctx, v, span).map(Some)
    };
    Ok(match v.plain() {
        Value::Interval(i) => (number(&i.0)?, number(&i.1)?),
        Value::Range(r) => (r.low.map(|v| v as f64), r.high.map(|v| (v - 1) as f64)),
        _ => (number(v)?, None),
    })
}

/// A declared family as a function of its space and base.
pub fn value(ctx: &Ctx, decl: &Arc<EnlargeDecl>, module: ModuleId, span: Span) -> Value {
    ctx.func(
        FuncKind::Enlarge {
            decl: decl.clone(),
            module,
        },
        span,
    )
}
