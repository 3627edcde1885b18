//! Functions of costs: of one net, and over a space.

use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::net::{self, CostEntry, NetBase};
use crate::space::{self, ArchValue, SpaceValue, Terms};
use crate::value::{BuiltinFn, Fields, Known, Unit, Value};
use crate::{Result, access, number};
use nas_diagnostics::Span;
use nas_ir::Dim;
use std::sync::Arc;

pub const COSTS: &[(&str, BuiltinFn)] = &[
    ("options", options),
    ("range", range),
    ("distribution", distribution),
    ("cost_of", cost_of),
    ("cost_items", cost_items),
];

/// The options of one open value: `options(nb201.op[e])`.
fn options(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let v = args.need("choice")?;
    let v = space::open_of(ctx, &v, args.span)?;
    match v.plain() {
        Value::Open(t) => Ok(Value::list(t.values.clone())),
        Value::Site(s) => Ok(Value::list(s.options.clone())),
        _ => Ok(Value::list(vec![v])),
    }
}

/// Smallest and largest value of a cost over a space.
fn range(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("cost")?;
    match v.plain() {
        Value::Terms(t) => {
            let s = crate::model::with_cost(ctx, &t.space, &t.tables, span)?;
            match s.range("asked").map_err(|e| space::too_hard(e, span))? {
                Some((a, b)) => Ok(Value::Interval(Arc::new((
                    Value::Int(a as i64, t.unit),
                    Value::Int(b as i64, t.unit),
                )))),
                None => Ok(Value::invalid("the space has no member")),
            }
        }
        Value::Int(..) | Value::Float(..) => Ok(Value::Interval(Arc::new((v.clone(), v.clone())))),
        Value::List(l) => {
            let items = l.to_vec();
            let low = super::list::min_list(ctx, &items, span)?;
            let high = super::list::max_list(ctx, &items, span)?;
            Ok(Value::Interval(Arc::new((low, high))))
        }
        Value::Unknown(_) => Ok(v),
        other => Err(fault(
            "E0301",
            format!(
                "a cost over a space has a range, and this is {}",
                other.kind()
            ),
        )
        .at(span, "here")
        .into()),
    }
}

/// Minimum, mean, maximum and quartiles of a cost over a space.
fn distribution(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("cost")?;
    let Value::Terms(t) = v.plain() else {
        return Err(fault(
            "E0301",
            format!("a cost over a space is wanted, and this is {}", v.kind()),
        )
        .at(span, "here")
        .into());
    };
    let s = crate::model::with_cost(ctx, &t.space, &t.tables, span)?;
    let mut r = Fields::new();
    if let Some(sum) = s.summary("asked").map_err(|e| space::too_hard(e, span))? {
        r.insert("min".into(), Value::Int(sum.min as i64, t.unit));
        r.insert("mean".into(), Value::Float(sum.mean(), t.unit));
        r.insert("max".into(), Value::Int(sum.max as i64, t.unit));
    }
    Ok(Value::record(r))
}

/// The cost table of one net, by item.
pub fn entries(
    ctx: &mut Ctx,
    v: &Value,
    on: Option<Vec<Dim>>,
    span: Span,
) -> Result<Arc<Vec<CostEntry>>> {
    let n = net::as_net(ctx, v, span)?;
    if on.is_none() {
        match &n.base {
            NetBase::AllMembers { space } => return space.prove(ctx),
            NetBase::Member { space, arch } if n.edits.is_empty() => {
                if let Some(c) = space
                    .base
                    .members
                    .lock()
                    .ok()
                    .and_then(|m| m.get(&arch.arch).cloned())
                {
                    return Ok(c);
                }
            }
            _ => {}
        }
    }
    let x = net::stand_in_input(ctx, &n, Dim::Const(1), on.clone(), span)?;
    // Costs do not ask for weights.
    let bare = net::member_net(n.base.clone(), net::NetWeights::Abstract, None);
    let Value::Net(mut bare) = bare else {
        return Ok(Arc::default());
    };
    if let Some(b) = Arc::get_mut(&mut bare) {
        b.edits = n.edits.clone();
    }
    let c = Arc::new(net::run(ctx, &bare, Args::one(x, span), None, true)?.2);
    if on.is_none()
        && let (NetBase::Member { space, arch }, true) = (&n.base, n.edits.is_empty())
        && let Ok(mut m) = space.base.members.lock()
    {
        m.insert(arch.arch.clone(), c.clone());
    }
    Ok(c)
}

fn unit_of(name: &str) -> Unit {
    match name {
        "params" => Unit::Params,
        "contraction" | "macs" => Unit::Macs,
        _ => Unit::One,
    }
}

/// `cost_of(net, { contraction: 1, linear_bias: 1 }, on: [3, 224, 224])`: items weighed and summed.
fn cost_of(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("net")?;
    let items = args.need("items")?;
    let on = on_shape(ctx, args)?;
    if v.is_unknown() {
        return Ok(Value::Unknown(Known::Number));
    }
    let Value::Record(weights) = items.plain().clone() else {
        return Err(
            fault("E0301", "the items of a cost are a record of weights")
                .at(span, "here")
                .into(),
        );
    };
    let unit = weights.keys().next().map_or(Unit::One, |k| unit_of(k));
    let n = net::as_net(ctx, &v, span)?;
    if matches!(n.policy, Some(Value::Unknown(_))) {
        return Ok(Value::Unknown(Known::Number));
    }
    // A member of a proved space reads its tables.
    if on.is_none()
        && n.edits.is_empty()
        && let NetBase::Member { space, arch } = &n.base
        && let Some(v) = from_tables(ctx, space, arch, &weights)?
    {
        return Ok(Value::Int(v, unit));
    }
    let all = entries(ctx, &v, on, span)?;
    let mut tables = vec![];
    for (item, w) in weights.iter() {
        let w = access::whole(ctx, w, span)?;
        for e in all.iter().filter(|e| e.item == *item) {
            let t = e.amount.as_table().ok_or_else(|| {
                fault(
                    "E0302",
                    "this cost depends on an input size that is not given",
                )
                .at(span, "here")
                .help("give it: `on: [3, 224, 224]`")
            })?;
            tables.push(t.map(|v| v * w));
        }
    }
    match n.space() {
        Some(s) if matches!(n.base, NetBase::AllMembers { .. }) => {
            Ok(Value::Terms(Arc::new(Terms {
                space: s.clone(),
                tables,
                unit,
            })))
        }
        _ => Ok(Value::Int(
            tables.iter().map(|t| t.values.iter().sum::<i64>()).sum(),
            unit,
        )),
    }
}

fn from_tables(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    a: &Arc<ArchValue>,
    weights: &Fields,
) -> Result<Option<i64>> {
    let all = s.prove(ctx)?;
    let mut sum = 0i64;
    for (item, w) in weights.iter() {
        let Value::Int(w, _) = w.plain() else {
            return Ok(None);
        };
        for e in all.iter().filter(|e| e.item == *item) {
            let Some(t) = e.amount.as_table() else {
                return Ok(None);
            };
            let i = t.index(|site| a.arch.0.get(site as usize).copied().flatten().unwrap_or(0));
            sum += t.values[i] * w;
        }
    }
    Ok(Some(sum))
}

fn on_shape(ctx: &mut Ctx, args: &mut Args) -> Result<Option<Vec<Dim>>> {
    let span = args.span;
    match args.take_named("on") {
        None | Some(Value::None) => Ok(None),
        Some(v) => {
            let mut dims = vec![];
            for x in access::items(ctx, &v, span)? {
                dims.push(net::extent(ctx, &x, span)?);
            }
            Ok(Some(dims))
        }
    }
}

/// The items of a net's cost, each summed: a record.
fn cost_items(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("net")?;
    let on = on_shape(ctx, args)?;
    if v.is_unknown() {
        return Ok(v);
    }
    let all = entries(ctx, &v, on, span)?;
    let mut r = Fields::new();
    for e in all.iter().filter(|e| &*e.item != "state") {
        if let Some(n) = e.amount.known() {
            let old = r.get(&e.item).and_then(number::as_f64).unwrap_or(0.0) as i64;
            r.insert(e.item.clone(), Value::Int(old + n, unit_of(&e.item)));
        }
    }
    Ok(Value::record(r))
}
