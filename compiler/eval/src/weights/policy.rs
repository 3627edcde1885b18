//! Sharing policies: which slots a use of a block reads.

use super::WeightsValue;
use crate::alike;
use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::net::NetValue;
use crate::space::SpaceValue;
use crate::value::{Bound, Fields, Func, FuncKind, Value};
use crate::{Result, access};
use nas_diagnostics::Span;
use nas_ir::{Dim, Shape};
use std::collections::HashMap;
use std::sync::Arc;

/// What a policy answers for one use.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Slots by name, and whether smaller uses read their first channels. More than one: their outputs are mixed.
    pub slots: Vec<(Arc<str>, bool)>,
    /// The shares of a mixture, one a slot.
    pub by: Option<Value>,
    /// The parameter's path below the use.
    pub inner: String,
}

impl Asked {
    /// The full names of the slots that one parameter reads.
    pub fn names(&self) -> impl Iterator<Item = Arc<str>> {
        self.slots
            .iter()
            .map(|s| format!("{}/{}", s.0, self.inner).into())
    }
}

/// Which slot a parameter reads, and the full shape of what is stored there.
#[allow(clippy::too_many_arguments)]
pub fn slot_of(
    ctx: &mut Ctx,
    net: &Arc<NetValue>,
    w: &Arc<WeightsValue>,
    address: &Arc<str>,
    place: &Arc<str>,
    shape: &Shape,
    owner: &Arc<str>,
    span: Span,
) -> Result<(Arc<str>, Shape)> {
    let policy = net.policy.as_ref().or(w.policy.as_ref()).cloned();
    let own = net.policy.is_none();
    let given = super::mix::given(ctx, address);
    // A chosen extent gives one address several shapes, and the policy may tell them apart.
    let asked: Arc<str> = format!("{address} {}", nas_ir::shape::Show(shape)).into();
    let known = match given {
        Some(g) => Some(g),
        None if own => w.known.lock().ok().and_then(|k| k.get(&asked).cloned()),
        None => None,
    };
    let (slot, leading) = match (known, &policy) {
        (Some(k), _) => k,
        (None, None) if w.known.lock().is_ok_and(|k| k.is_empty()) => {
            return Ok((address.clone(), shape.clone()));
        }
        (None, None) => {
            return Err(fault(
                "E0623",
                format!("these weights, kept from an earlier run, have no slot for {address}"),
            )
            .at(span, "read here")
            .help("give the sharing policy with the use: `space[a, w, policy]`")
            .into());
        }
        (None, Some(p)) => {
            let space = net.space().cloned();
            let a = ask_all(ctx, p, space.as_ref(), address, place, shape, owner, span)?;
            let leading = a.slots.first().is_some_and(|s| s.1);
            let k = (a.names().next().unwrap_or_default(), leading);
            if own && let Ok(mut known) = w.known.lock() {
                known.insert(asked, k.clone());
            }
            k
        }
    };
    if !leading {
        return Ok((slot, shape.clone()));
    }
    if let (None, Some(s)) = (&policy, w.get(&slot)) {
        let dims = s.value.download_shape();
        return Ok((slot, dims.iter().map(|d| Dim::Const(*d as i64)).collect()));
    }
    let full = full_shapes(ctx, net, w, policy.as_ref(), span)?;
    match full.get(&slot) {
        Some(dims) => Ok((slot, dims.iter().map(|d| Dim::Const(*d)).collect())),
        None => Ok((slot, shape.clone())),
    }
}

/// Asks a policy for the slots of one use.
#[allow(clippy::too_many_arguments)]
pub fn ask_all(
    ctx: &mut Ctx,
    policy: &Value,
    space: Option<&Arc<SpaceValue>>,
    address: &str,
    place: &str,
    shape: &Shape,
    owner: &Arc<str>,
    span: Span,
) -> Result<Asked> {
    // The unit is the innermost chosen block; outside choices, the block that owns the parameter.
    let parts: Vec<&str> = address.split('/').collect();
    let places: Vec<&str> = place.split('/').collect();
    let chosen = parts.iter().rposition(|p| p.contains(':'));
    let unit = chosen.map_or(parts.len().saturating_sub(1), |c| c + 1);
    let inner = parts[unit..].join("/");
    let option = chosen
        .and_then(|c| parts[c].split_once(':'))
        .map(|(_, o)| o);
    // An address with every choice erased.
    let bare: Vec<&str> = places[..unit.min(places.len())].to_vec();
    let mut fields = Fields::new();
    fields.insert("place".into(), Value::text(bare.join("/")));
    fields.insert("option".into(), option.map_or(Value::None, Value::text));
    fields.insert(
        "shape".into(),
        Value::text(nas_ir::shape::Show(shape).to_string()),
    );
    fields.insert("kind".into(), Value::text(owner.clone()));
    fields.insert("path".into(), Value::text(parts[..unit].join("/")));
    let site = chosen.and_then(|c| parts[c].split_once(':')).map(|p| p.0);
    fields.insert("site".into(), site_of(ctx, space, site));
    fields.insert("turn".into(), turn_of(&bare));
    fields.insert("within".into(), within(&bare, span));
    let saved = ctx.net.take();
    let r = open_holes(ctx, policy, span)
        .and_then(|p| call::call(ctx, p, Args::one(Value::record(fields), span)));
    ctx.net = saved;
    let r = r?;
    let unknown = || Asked {
        slots: vec![(address.into(), false)],
        by: None,
        inner: inner.clone(),
    };
    if r.is_unknown() {
        return Ok(unknown());
    }
    let Value::Record(slot) = r.plain() else {
        return Err(fault(
            "E0301",
            format!("a sharing policy gives a slot, and this gave {}", r.kind()),
        )
        .at(span, "here")
        .help("write `slot(place: u.place, …)`")
        .into());
    };
    let one = |r: &Fields| {
        let name = r.get("slot").map(access::key_text).unwrap_or_default();
        (name, matches!(r.get("leading"), Some(Value::Bool(true))))
    };
    let slots = match slot.get("mix") {
        Some(Value::List(l)) => l
            .iter()
            .filter_map(|s| match s.plain() {
                Value::Record(r) => Some(one(r)),
                _ => None,
            })
            .collect(),
        _ => vec![one(slot)],
    };
    Ok(Asked {
        slots,
        by: slot.get("by").cloned(),
        inner,
    })
}

/// `shared(cell, open: 4, gate: _)`: a policy whose gate each use gives. What is left open is not known where only slots are asked for.
fn open_holes(ctx: &mut Ctx, policy: &Value, span: Span) -> Result<Value> {
    let Value::Func(f) = policy.plain() else {
        return Ok(policy.clone());
    };
    let (FuncKind::Partial { of }, true) = (&f.kind, f.bound.iter().any(|b| b.value.is_none()))
    else {
        return Ok(policy.clone());
    };
    let lists = match of.plain() {
        Value::Func(g) => match &g.kind {
            FuncKind::Decl { decl, lists, .. } => decl.params.len() - lists.min(&decl.params.len()),
            _ => 1,
        },
        _ => 1,
    };
    if lists < 2 {
        return Ok(policy.clone());
    }
    let holes = f.bound.iter().filter(|b| b.value.is_none());
    let mut args = Args {
        span,
        ..Args::default()
    };
    for Bound { name, .. } in holes {
        match name {
            Some(n) => args.named.push((n.clone(), Some(Value::unknown()), span)),
            None => args.positional.push((Some(Value::unknown()), span)),
        }
    }
    call::call(ctx, policy.clone(), args)
}

fn site_of(ctx: &mut Ctx, space: Option<&Arc<SpaceValue>>, name: Option<&str>) -> Value {
    let (Some(name), Some(space)) = (name, space) else {
        return match name {
            Some(_) => Value::unknown(),
            None => Value::None,
        };
    };
    let _ = space.elaborate(ctx);
    let sites = space.sites();
    // `op[0].1` is the second use of the choice `op[0]` in one block.
    let found = sites.iter().position(|s| &*s.address == name).or_else(|| {
        let (head, tail) = name.rsplit_once('.')?;
        tail.parse::<u32>().ok()?;
        sites.iter().position(|s| &*s.address == head)
    });
    match found {
        Some(i) => crate::space::site_value(&sites, i, None),
        None => Value::None,
    }
}

/// The turn of the innermost loop around a use.
fn turn_of(bare: &[&str]) -> Value {
    bare.iter()
        .rev()
        .find_map(|p| p.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
        .map_or(Value::None, Value::int)
}

/// `u.within(block)`: the place of the enclosing instance of a block, or none.
fn within(bare: &[&str], span: Span) -> Value {
    let place = Value::text(bare.join("/"));
    let of = Value::Func(Arc::new(Func {
        kind: FuncKind::Builtin {
            name: "within",
            f: enclosing,
        },
        bound: vec![],
        span,
    }));
    let bound = [Some(place), None]
        .into_iter()
        .map(|value| Bound {
            name: None,
            value,
            span,
        })
        .collect();
    Value::Func(Arc::new(Func {
        kind: FuncKind::Partial { of },
        bound,
        span,
    }))
}

fn enclosing(_ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let place = args.need("place")?;
    let unit = args.need("block")?;
    let place = access::key_text(&place);
    let parts: Vec<&str> = place.split('/').collect();
    if unit.is_unknown() {
        return Ok(unit);
    }
    if !matches!(
        unit.plain(),
        Value::Func(_) | Value::Label(_) | Value::Text(_)
    ) {
        return Err(fault(
            "E0301",
            format!("`within` takes a block, and this is {}", unit.kind()),
        )
        .at(span, "here")
        .into());
    }
    let found = parts.iter().rposition(|p| {
        let kind = p.split('.').next().unwrap_or(p);
        match unit.plain() {
            Value::Text(t) => &**t == kind,
            v => access::named(v, kind),
        }
    });
    Ok(match found {
        Some(i) => Value::text(parts[..=i].join("/")),
        None => Value::None,
    })
}

/// The largest extents over all members, for slots that smaller members read by leading slices.
fn full_shapes(
    ctx: &mut Ctx,
    net: &Arc<NetValue>,
    w: &Arc<WeightsValue>,
    policy: Option<&Value>,
    span: Span,
) -> Result<HashMap<Arc<str>, Vec<i64>>> {
    if let Some(f) = w.full.get() {
        return Ok(f.clone());
    }
    // What is stored is as large as the policy of `init` says: one that is given with a use may name fewer slots.
    let policy = w.policy.as_ref().or(policy);
    let (Some(space), Some(policy)) = (net.space().cloned().or(w.space.clone()), policy) else {
        return Ok(HashMap::new());
    };
    let f = slot_shapes(ctx, &space, policy, true, span)?;
    let _ = w.full.set(f.clone());
    Ok(f)
}

/// Shapes of all slots that a policy gives to a space: of slots that are read by leading slices, the largest over the members.
pub fn slot_shapes(
    ctx: &mut Ctx,
    space: &Arc<SpaceValue>,
    policy: &Value,
    states: bool,
    span: Span,
) -> Result<HashMap<Arc<str>, Vec<i64>>> {
    let costs = space.prove(ctx)?;
    let key = alike::slots(ctx, space.id, policy, states);
    if let (Some(key), Some(memo)) = (&key, &ctx.alike)
        && let Some(known) = memo.lock().ok().and_then(|m| m.slots.get(key).cloned())
    {
        return Ok(known);
    }
    let mut out: HashMap<Arc<str>, Vec<i64>> = HashMap::new();
    for c in costs
        .iter()
        .filter(|c| &*c.item == "params" || states && &*c.item == "state")
    {
        let address = match &*c.path {
            "" => c.param.to_string(),
            p => format!("{p}/{}", c.param),
        };
        let place: Vec<&str> = address
            .split('/')
            .map(|p| p.split(':').next().unwrap_or(p))
            .collect();
        let shape: Shape = c.out.iter().cloned().collect();
        let a = ask_all(
            ctx,
            policy,
            Some(space),
            &address,
            &place.join("/"),
            &shape,
            &c.kind,
            span,
        )?;
        let dims: Vec<i64> = c
            .out
            .iter()
            .map(|d| {
                d.as_table()
                    .and_then(|t| t.values.iter().max().copied())
                    .unwrap_or(1)
            })
            .collect();
        for slot in a.names() {
            let e = out.entry(slot).or_insert_with(|| dims.clone());
            if e.len() == dims.len() {
                for (a, b) in e.iter_mut().zip(&dims) {
                    *a = (*a).max(*b);
                }
            }
        }
    }
    if let (Some(key), Some(memo)) = (key, &ctx.alike)
        && let Ok(mut memo) = memo.lock()
    {
        memo.slots.insert(key, out.clone());
    }
    Ok(out)
}

/// A policy given with a use may name only slots that the store has.
pub fn subset(
    ctx: &mut Ctx,
    space: &Arc<SpaceValue>,
    w: &Arc<WeightsValue>,
    policy: &Value,
    span: Span,
) -> Result<()> {
    let used = space.slot_shapes(ctx, policy, false, span)?;
    let Some(own) = &w.policy else { return Ok(()) };
    let stored = space.slot_shapes(ctx, own, false, span)?;
    let mut foreign: Vec<&Arc<str>> = used.keys().filter(|k| !stored.contains_key(*k)).collect();
    foreign.sort();
    match foreign.first() {
        None => Ok(()),
        Some(first) => {
            let known = stored.keys().min().map_or("", |k| &**k);
            Err(fault(
                "E0623",
                "this sharing policy reads a slot that these weights do not have",
            )
            .at(span, "read here")
            .note(format!("reads   {first}"))
            .note(format!("stored  {known}, …"))
            .help("the policy given to `init` says which slots there are; a use names some of them")
            .into())
        }
    }
}
