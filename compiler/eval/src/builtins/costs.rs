//! Functions of costs: of one net, and over a space.

use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::net::{self, CostEntry, NetBase};
use crate::space::{self, ArchValue, SpaceValue, Terms};
use crate::value::{BuiltinFn, Fields, Known, Unit, Value};
use crate::{Result, access};
use nas_diagnostics::Span;
use nas_ir::{Dim, Table};
use std::sync::Arc;

pub const COSTS: &[(&str, BuiltinFn)] = &[
    ("options", options),
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
            NetBase::Member { space, arch } if n.edits.is_empty() && arch.mixture.is_none() => {
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
    let args = Args::one(x, span);
    let key = net::memo::costs_key(ctx, &bare, &args);
    let known = key.as_ref().and_then(|k| {
        let all = ctx.shared.costed.lock().ok()?;
        all.get(&k.text).map(|(_, c)| c.clone())
    });
    let c = match known {
        Some(c) => c,
        None => Arc::new(net::run(ctx, &bare, args, None, true)?.2),
    };
    if let Some(key) = key
        && let Ok(mut all) = ctx.shared.costed.lock()
    {
        all.insert(key.text, (key.held, c.clone()));
    }
    if on.is_none()
        && let (NetBase::Member { space, arch }, true) = (&n.base, n.edits.is_empty())
        && arch.mixture.is_none()
        && let Ok(mut m) = space.base.members.lock()
    {
        m.insert(arch.arch.clone(), c.clone());
    }
    Ok(c)
}

/// Items that are multiply-accumulates of what comes in: `contraction` names them together.
pub const CONTRACTIONS: &[&str] = &["conv", "linear", "matmul"];

/// Whether an item of the table belongs to an item as asked for.
pub fn belongs(entry: &str, asked: &str) -> bool {
    entry == asked || asked == "contraction" && CONTRACTIONS.contains(&entry)
}

fn unit_of(name: &str) -> Unit {
    match name {
        "params" => Unit::Params,
        "contraction" => Unit::Macs,
        _ if CONTRACTIONS.contains(&name) => Unit::Macs,
        _ => Unit::One,
    }
}

/// `cost_of(net, { contraction: 1, linear_bias: 1 }, on: [3, 224, 224])`: items weighed and summed.
fn cost_of(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("net")?;
    let items = args.need("items")?;
    let on = on_shape(ctx, args)?;
    let convention = args.take_named("by");
    if v.is_unknown() {
        return Ok(Value::Unknown(Known::Number));
    }
    if matches!(v.plain(), Value::Invalid(_)) {
        return Ok(v);
    }
    let Value::Record(weights) = items.plain().clone() else {
        return Err(
            fault("E0301", "the items of a cost are a record of weights")
                .at(span, "here")
                .into(),
        );
    };
    let unit = match weights.keys().next().map_or(Unit::One, |k| unit_of(k)) {
        Unit::Macs => match convention.as_ref().map(Value::plain) {
            Some(Value::Text(name)) => Unit::macs_by(name),
            _ => Unit::Macs,
        },
        unit => unit,
    };
    let n = net::as_net(ctx, &v, span)?;
    if matches!(n.policy, Some(Value::Unknown(_))) {
        return Ok(Value::Unknown(Known::Number));
    }
    // A member of a proved space reads its tables.
    if on.is_none()
        && n.edits.is_empty()
        && let NetBase::Member { space, arch } = &n.base
        && arch.mixture.is_none()
        && let Some(v) = from_tables(ctx, space, arch, &weights)?
    {
        return Ok(Value::Int(v, unit));
    }
    let all = entries(ctx, &v, on, span)?;
    let mut tables = vec![];
    for (item, w) in weights.iter() {
        let w = access::whole(ctx, w, span)?;
        for e in all.iter().filter(|e| belongs(&e.item, item)) {
            let t = e.amount.as_table().ok_or_else(|| no_size(span))?;
            tables.push(t.map(|v| v * w));
        }
    }
    Ok(total(&n, tables, unit))
}

/// A sum of amounts: one number for one net, a cost for all members of a space.
fn total(n: &net::NetValue, tables: Vec<Table<i64>>, unit: Unit) -> Value {
    match n.space() {
        Some(s) if matches!(n.base, NetBase::AllMembers { .. }) => Value::Terms(Arc::new(Terms {
            space: s.clone(),
            tables,
            unit,
        })),
        _ => Value::Int(
            tables.iter().map(|t| t.values.iter().sum::<i64>()).sum(),
            unit,
        ),
    }
}

fn no_size(span: Span) -> crate::Fault {
    fault(
        "E0302",
        "this cost depends on an input size that is not given",
    )
    .at(span, "here")
    .help("give it: `on: [3, 224, 224]`")
    .into()
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
        for e in all.iter().filter(|e| belongs(&e.item, item)) {
            let Some(t) = e.amount.as_table() else {
                return Ok(None);
            };
            let i = t.index(|site| a.arch.0.get(site as usize).copied().flatten().unwrap_or(0));
            sum += t.values[i] * w;
        }
    }
    Ok(Some(sum))
}

pub fn on_shape(ctx: &mut Ctx, args: &mut Args) -> Result<Option<Vec<Dim>>> {
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
    if v.is_unknown() || matches!(v.plain(), Value::Invalid(_)) {
        return Ok(v);
    }
    let all = entries(ctx, &v, on, span)?;
    let n = net::as_net(ctx, &v, span)?;
    let mut found: indexmap::IndexMap<Arc<str>, Vec<Table<i64>>> = indexmap::IndexMap::new();
    for e in all.iter().filter(|e| &*e.item != "state") {
        let t = e.amount.as_table().ok_or_else(|| no_size(span))?;
        found.entry(e.item.clone()).or_default().push(t);
    }
    let mut r = Fields::new();
    for (item, tables) in found {
        let unit = unit_of(&item);
        r.insert(item, total(&n, tables, unit));
    }
    Ok(Value::record(r))
}
