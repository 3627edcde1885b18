//! Functions of spaces, architectures, nets, weights, draws and data.

use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::data::DataValue;
use crate::host::DataRequest;
use crate::net::{self, CostEntry, NetBase};
use crate::space::{self, ArchValue, SpaceValue, Terms};
use crate::value::{BuiltinFn, Dist, Fields, Known, Unit, Value};
use crate::weights::WeightsValue;
use crate::{Result, access, number};
use nas_diagnostics::Span;
use nas_ir::{Dim, Tensor};
use num_bigint::BigInt;
use std::sync::Arc;

pub const SPACES: &[(&str, BuiltinFn)] = &[
    ("size", size),
    ("sample", sample),
    ("neighbours", neighbours),
    ("sites", sites),
    ("indices", indices),
    ("encode", encode),
    ("decode", decode),
    ("options", options),
    ("range", range),
    ("distribution", distribution),
    ("cost_of", cost_of),
    ("cost_items", cost_items),
    ("trace", trace),
    ("init", init),
    ("slot", slot),
    ("leading", leading),
    ("slots", slots),
    ("normal", |c, a| {
        dist(c, a, |x, y| {
            Dist::Normal(x.unwrap_or(0.0), y.unwrap_or(1.0))
        })
    }),
    ("trunc_normal", |c, a| {
        dist(c, a, |x, _| Dist::TruncNormal(x.unwrap_or(1.0)))
    }),
    ("bernoulli", |c, a| {
        dist(c, a, |x, _| Dist::Bernoulli(x.unwrap_or(0.5)))
    }),
    ("gumbel", |c, a| dist(c, a, |_, _| Dist::Gumbel)),
    ("rademacher", |c, a| dist(c, a, |_, _| Dist::Rademacher)),
    ("uniform", uniform),
    ("shuffle", shuffle),
    ("subset", subset),
    ("permutation", permutation),
    ("pick", pick),
    ("cifar10", |c, a| data(c, a, "cifar10")),
    ("cifar100", |c, a| data(c, a, "cifar100")),
    ("idx", |c, a| data(c, a, "idx")),
    ("images", |c, a| data(c, a, "images")),
    ("generated", generated),
];

fn size(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("space")?;
    match v.plain() {
        Value::Site(s) => return Ok(Value::int(s.options.len() as i64)),
        Value::List(_) | Value::Record(_) | Value::Text(_) | Value::Range(_) => {
            return super::list::len_of(ctx, &v, span);
        }
        Value::Tensor(t, _) => {
            return Ok(Value::list(
                t.shape()
                    .iter()
                    .map(|d| number::of_dim(d.clone()))
                    .collect(),
            ));
        }
        Value::Unknown(_) => return Ok(v),
        _ => {}
    }
    let s = space::as_space(ctx, &v, span)?;
    let a = s.algebra(ctx, span)?;
    let n = a
        .space
        .feasible_size()
        .map_err(|e| space::too_hard(e, span))?;
    Ok(number::of_big(BigInt::from(n)))
}

/// `sample(space, n)`: n different members, each set of n equally likely; all of them where there are fewer.
fn sample(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("space")?;
    if v.is_unknown() {
        return Ok(Value::Unknown(Known::List));
    }
    let s = space::as_space(ctx, &v, span)?;
    let n = args.need("n")?;
    let n = access::whole(ctx, &n, span)?;
    let key = match args.take_named("seed") {
        Some(k) => crate::key::Key::seed(access::whole(ctx, &k, span)? as u64),
        None => ctx.shared.root.named("sample").named(&s.name),
    };
    let a = s.algebra(ctx, span)?;
    if ctx.checking() {
        return Ok(Value::Unknown(Known::List));
    }
    let sampler = sampler(&s, &a, span)?;
    let total = sampler.size().clone();
    let n = n.clamp(0, 50_000_000) as usize;
    if total <= n.into() {
        return Ok(Value::list(
            a.space
                .enumerate()
                .map(|m| Value::Arch(ArchValue::new(s.clone(), m)))
                .collect(),
        ));
    }
    let mut stream = key.stream();
    let mut source = |below: u64| stream.below(below);
    let mut seen = std::collections::HashSet::new();
    let mut out = vec![];
    // Where most members are taken, drawing what is left out would be quicker; at these sizes it does not matter.
    while out.len() < n {
        match sampler.sample(&a.space, &mut source) {
            Some(m) => {
                if seen.insert(m.clone()) {
                    out.push(Value::Arch(ArchValue::new(s.clone(), m)));
                }
            }
            None => break,
        }
    }
    Ok(Value::list(out))
}

pub fn sampler<'a>(
    _s: &Arc<SpaceValue>,
    a: &'a Arc<space::Algebra>,
    span: Span,
) -> Result<&'a nas_space::Sampler> {
    if let Some(s) = a.sampler.get() {
        return Ok(s);
    }
    let s = a.space.sampler().map_err(|e| space::too_hard(e, span))?;
    Ok(a.sampler.get_or_init(|| s))
}

fn neighbours(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let s = args.need("space")?;
    let arch = args.need("arch")?;
    let at = args.take_named("at");
    if arch.is_unknown() {
        return Ok(Value::Unknown(Known::List));
    }
    let s = space::as_space(ctx, &s, span)?;
    let Value::Arch(x) = arch.plain() else {
        return Err(fault(
            "E0301",
            format!("an architecture is wanted, and this is {}", arch.kind()),
        )
        .at(span, "here")
        .into());
    };
    let a = s.algebra(ctx, span)?;
    let list = match at.as_ref().map(|v| v.plain().clone()) {
        Some(Value::Site(site)) => a.space.neighbours_at(&x.arch, site.id),
        _ => a.space.neighbours(&x.arch),
    };
    Ok(Value::list(
        list.into_iter()
            .map(|m| Value::Arch(ArchValue::new(s.clone(), m)))
            .collect(),
    ))
}

fn sites(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("arch")?;
    match v.plain() {
        Value::Arch(a) => {
            a.space.prove(ctx)?;
            let all = a.space.sites();
            Ok(Value::list(
                (0..all.len())
                    .filter(|i| a.arch.0.get(*i).is_some_and(Option::is_some))
                    .map(|i| space::site_value(&all, i, None))
                    .collect(),
            ))
        }
        Value::Unknown(_) => Ok(Value::Unknown(Known::List)),
        _ => {
            let s = space::as_space(ctx, &v, span)?;
            s.prove(ctx)?;
            let all = s.sites();
            Ok(Value::list(
                (0..all.len())
                    .map(|i| space::site_value(&all, i, None))
                    .collect(),
            ))
        }
    }
}

/// The option numbers of a member as a tensor; -1 where a site is absent.
fn indices(_ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("arch")?;
    match v.plain() {
        Value::Arch(a) => {
            let ix: Vec<i32> = a
                .arch
                .0
                .iter()
                .map(|o| o.map_or(-1, |o| o as i32))
                .collect();
            Ok(Value::Tensor(
                Tensor::value(nas_ir::HostTensor::i32(vec![ix.len()], ix)),
                crate::value::Element::Index,
            ))
        }
        Value::Unknown(_) => Ok(v),
        other => Err(fault(
            "E0301",
            format!("an architecture is wanted, and this is {}", other.kind()),
        )
        .at(span, "here")
        .into()),
    }
}

fn encode(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("arch")?;
    match v.plain() {
        Value::Arch(a) => {
            a.space.algebra(ctx, span)?;
            Ok(Value::text(a.text()))
        }
        Value::Unknown(_) => Ok(v),
        other => Err(fault(
            "E0301",
            format!("an architecture is wanted, and this is {}", other.kind()),
        )
        .at(span, "here")
        .into()),
    }
}

fn decode(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let s = args.need("space")?;
    let t = args.need("text")?;
    if t.is_unknown() {
        return Ok(t);
    }
    let s = space::as_space(ctx, &s, span)?;
    space::decode(ctx, &s, &access::key_text(&t), span).map(Value::Arch)
}

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
    for e in all.iter() {
        if let Some(n) = e.amount.known() {
            let old = r.get(&e.item).and_then(number::as_f64).unwrap_or(0.0) as i64;
            r.insert(e.item.clone(), Value::Int(old + n, unit_of(&e.item)));
        }
    }
    Ok(Value::record(r))
}

fn trace(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("net")?;
    if v.is_unknown() {
        return Ok(v);
    }
    let n = net::as_net(ctx, &v, span)?;
    net::trace(ctx, &n, args.clone())
}

/// `init(net)`, `init(space, policy)`: weights that are drawn where they are first read.
fn init(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("net")?;
    let policy = args.next("share");
    let key = ctx.next_key();
    let mut w = WeightsValue::new(key, policy, Default::default(), false);
    match v.plain() {
        Value::Space(s) => w.space = Some(s.clone()),
        Value::Net(n) => w.space = n.space().cloned(),
        Value::Func(f) if matches!(f.kind, crate::value::FuncKind::Space { .. }) => {
            w.space = Some(space::as_space(ctx, &v, span)?)
        }
        Value::Func(_) | Value::Unknown(_) => {}
        other => {
            return Err(fault(
                "E0301",
                format!(
                    "weights are made for a net or a space, and this is {}",
                    other.kind()
                ),
            )
            .at(span, "here")
            .into());
        }
    }
    Ok(Value::Weights(Arc::new(w)))
}

/// `slot(place: u.place, option: u.option)`: names a slot by what it depends on.
fn slot(_ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let mut parts = vec![];
    for (n, v, _) in &args.named {
        if let Some(v) = v
            && !matches!(v, Value::None)
        {
            parts.push(format!("{n}={}", access::key_text(v)));
        }
    }
    let mut r = Fields::new();
    r.insert("slot".into(), Value::text(parts.join(";")));
    r.insert("leading".into(), Value::Bool(false));
    Ok(Value::record(r))
}

/// `slot |> leading`: smaller members read the first channels of what is stored.
fn leading(_ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("slot")?;
    let Value::Record(r) = v.plain() else {
        return Err(fault(
            "E0301",
            format!("`leading` takes a slot, and this is {}", v.kind()),
        )
        .at(span, "here")
        .into());
    };
    let mut r = (**r).clone();
    r.insert("leading".into(), Value::Bool(true));
    Ok(Value::record(r))
}

/// The slots that a policy gives to a space, by name with their shapes.
fn slots(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let s = args.need("space")?;
    let policy = args.need("policy")?;
    let s = space::as_space(ctx, &s, span)?;
    let shapes = s.slot_shapes(ctx, &policy, span)?;
    let mut names: Vec<_> = shapes.into_iter().collect();
    names.sort();
    let mut r = Fields::new();
    for (n, dims) in names {
        r.insert(n, Value::list(dims.into_iter().map(Value::int).collect()));
    }
    Ok(Value::record(r))
}

// ---- draws

fn dist(
    ctx: &mut Ctx,
    args: &mut Args,
    make: fn(Option<f64>, Option<f64>) -> Dist,
) -> Result<Value> {
    let span = args.span;
    let mut nums = vec![];
    while let Some(v) = args.next("parameter") {
        nums.push(if v.is_unknown() {
            0.5
        } else {
            crate::train::number(ctx, &v, span)?
        });
    }
    for (_, v, _) in std::mem::take(&mut args.named) {
        if let Some(v) = v {
            nums.push(crate::train::number(ctx, &v, span)?);
        }
    }
    Ok(Value::Dist(Arc::new(make(
        nums.first().copied(),
        nums.get(1).copied(),
    ))))
}

/// `uniform(xs)`: one of a list or range; `uniform(a, b)`: a number; `uniform(space)`: a member.
fn uniform(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let Some(v) = args.next("from") else {
        return Ok(Value::Dist(Arc::new(Dist::Uniform(0.0, 1.0))));
    };
    match v.plain() {
        Value::Unknown(_) => Ok(Value::unknown()),
        Value::Space(_) => uniform_member(ctx, &v, span),
        Value::Func(f) if matches!(f.kind, crate::value::FuncKind::Space { .. }) => {
            uniform_member(ctx, &v, span)
        }
        Value::Int(..) | Value::Float(..) => {
            let b = args.need("to")?;
            Ok(Value::Dist(Arc::new(Dist::Uniform(
                crate::train::number(ctx, &v, span)?,
                crate::train::number(ctx, &b, span)?,
            ))))
        }
        _ => {
            let items = access::items(ctx, &v, span)?;
            Ok(Value::Dist(Arc::new(Dist::OneOf(Arc::new(items)))))
        }
    }
}

fn uniform_member(ctx: &mut Ctx, v: &Value, span: Span) -> Result<Value> {
    let s = space::as_space(ctx, v, span)?;
    let a = s.algebra(ctx, span)?;
    if ctx.checking() {
        return Ok(Value::unknown());
    }
    let sampler = sampler(&s, &a, span)?;
    let mut stream = ctx.next_key().stream();
    let mut source = |n: u64| stream.below(n);
    match sampler.sample(&a.space, &mut source) {
        Some(m) => Ok(Value::Arch(ArchValue::new(s.clone(), m))),
        None => Err(fault(
            "E0601",
            format!("`{}` has no member under its conditions", s.name),
        )
        .at(span, "here")
        .into()),
    }
}

fn drawn_order(ctx: &mut Ctx, args: &mut Args, n: usize) -> Result<Vec<usize>> {
    let span = args.span;
    let key = match args.take_named("seed") {
        Some(s) => crate::key::Key::seed(access::whole(ctx, &s, span)? as u64),
        None => ctx.next_key(),
    };
    let mut s = key.stream();
    let mut ix: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        ix.swap(i, s.below(i as u64 + 1) as usize);
    }
    Ok(ix)
}

fn shuffle(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("list")?;
    if v.is_unknown() {
        return Ok(v);
    }
    let items = access::items(ctx, &v, span)?;
    let order = drawn_order(ctx, args, items.len())?;
    Ok(Value::list(
        order.into_iter().map(|i| items[i].clone()).collect(),
    ))
}

fn subset(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("list")?;
    let n = args.need("n")?;
    if v.is_unknown() || n.is_unknown() {
        return Ok(Value::Unknown(Known::List));
    }
    let items = access::items(ctx, &v, span)?;
    let n = access::whole(ctx, &n, span)?.clamp(0, items.len() as i64) as usize;
    let mut order = drawn_order(ctx, args, items.len())?;
    order.truncate(n);
    order.sort_unstable();
    Ok(Value::list(
        order.into_iter().map(|i| items[i].clone()).collect(),
    ))
}

fn permutation(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("n")?;
    let n = match v.plain() {
        Value::Range(r) => r.iter().count(),
        _ => access::whole(ctx, &v, span)?.max(0) as usize,
    };
    let order = drawn_order(ctx, args, n)?;
    Ok(Value::list(
        order.into_iter().map(|i| Value::int(i as i64)).collect(),
    ))
}

/// `pick(xs, weight: f)`: one of a list, with probability proportional to its weight.
fn pick(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("list")?;
    let f = args.need("weight")?;
    if v.is_unknown() {
        return Ok(Value::unknown());
    }
    let items = access::items(ctx, &v, span)?;
    let mut ws = vec![];
    for x in &items {
        let w = call::apply(ctx, f.clone(), x.clone(), span)?;
        ws.push(if w.is_unknown() {
            1.0
        } else {
            crate::train::number(ctx, &w, span)?
        });
    }
    if ctx.checking() {
        return Ok(items.first().cloned().unwrap_or(Value::unknown()));
    }
    let total: f64 = ws.iter().sum();
    if !total.is_finite() || total <= 0.0 || ws.iter().any(|w| *w < 0.0) {
        return Err(fault(
            "E0602",
            "weights of a draw are not negative and not all zero",
        )
        .at(span, "here")
        .into());
    }
    let mut at = ctx.next_key().stream().unit() * total;
    for (x, w) in items.iter().zip(&ws) {
        if at < *w {
            return Ok(x.clone());
        }
        at -= w;
    }
    Ok(items.last().cloned().unwrap_or(Value::None))
}

// ---- data

fn data(ctx: &mut Ctx, args: &mut Args, format: &str) -> Result<Value> {
    let span = args.span;
    let path = args.need("path")?;
    let Value::Text(path) = path.plain().clone() else {
        return Err(
            fault("E0301", "data is read from a path, written as a text")
                .at(span, "here")
                .into(),
        );
    };
    open(
        ctx,
        DataRequest {
            format: format.into(),
            path,
            numbers: vec![],
        },
        span,
    )
}

fn generated(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let mut numbers = vec![];
    for (name, default) in [
        ("n", 2_000),
        ("classes", 10),
        ("side", 16),
        ("seed", 0),
        ("test", 500),
    ] {
        let v = args.next(name).unwrap_or(Value::int(default));
        let v = access::whole(ctx, &v, span)?;
        if !(0..=1_000_000).contains(&v) {
            return Err(fault(
                "E0301",
                format!("`{name}` of generated data is between 0 and 1,000,000"),
            )
            .at(span, "here")
            .into());
        }
        numbers.push(v);
    }
    open(
        ctx,
        DataRequest {
            format: "generated".into(),
            path: "".into(),
            numbers,
        },
        span,
    )
}

fn open(ctx: &mut Ctx, request: DataRequest, span: Span) -> Result<Value> {
    let source = ctx.host.data(&request, ctx.checking()).map_err(|d| {
        let d = if d.labels.is_empty() {
            d.at(span, "read here")
        } else {
            d
        };
        crate::Fault::from(d)
    })?;
    Ok(Value::Data(Arc::new(DataValue::new(source))))
}
