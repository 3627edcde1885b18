//! Functions of spaces, architectures, nets and weights.

use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::net;
use crate::space::{self, ArchValue, SpaceValue};
use crate::value::{BuiltinFn, Fields, Known, Value};
use crate::weights::WeightsValue;
use crate::{Result, access, number};
use nas_diagnostics::Span;
use nas_ir::Tensor;
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
    ("trace", trace),
    ("init", init),
    ("slot", slot),
    ("leading", leading),
    ("slots", slots),
    ("isomorphic", space::classes::isomorphic),
];

fn size(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("space")?;
    match v.plain() {
        Value::Site(s) => return Ok(Value::int(s.options.len() as i64)),
        Value::Data(d) => return Ok(Value::int(d.len() as i64)),
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
    if ctx.alike.is_some() && space::classes::listed_in_time(ctx, &s, span)? {
        // A number all the same; a check need not go through the members for it.
        return Ok(Value::Unknown(Known::Number));
    }
    let n = space::classes::size(ctx, &s, span)?;
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
        None => ctx.origin.named("sample").named(&s.name),
    };
    let a = s.algebra(ctx, span)?;
    crate::ledger::note(ctx, crate::ledger::What::Draws);
    crate::ledger::note(ctx, crate::ledger::What::Uses(s.clone()));
    if ctx.checking() {
        let n = u64::try_from(n).unwrap_or(0);
        let mut stream = key.stream();
        let met = (a.space).members_up_to(n, &mut |below| stream.below(below));
        return Ok(Value::Unknown(Known::Many(met.unwrap_or(n))));
    }
    let n = n.clamp(0, 50_000_000) as usize;
    if let Some(c) = space::classes::of(ctx, &s, span)? {
        // Classes are equally likely, each shown by the member that stands for it.
        let q = c.list(ctx, &s, &a.space, span)?;
        let mut numbers: Vec<usize> = (0..q.len()).collect();
        let mut stream = key.stream();
        let n = n.min(numbers.len());
        if n < numbers.len() {
            for i in 0..n {
                let left = (numbers.len() - i) as u64;
                numbers.swap(i, i + stream.below(left) as usize);
            }
            numbers.truncate(n);
        }
        let members = numbers.into_iter().filter_map(|i| q.representative(i));
        return Ok(Value::list(
            members
                .map(|m| Value::Arch(ArchValue::new(s.clone(), m)))
                .collect(),
        ));
    }
    let sampler = sampler(&s, &a, span)?;
    let total = sampler.size().clone();
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
    let list = match space::classes::of(ctx, &s, span)? {
        None => list,
        // Of a quotient: the other classes next to this one.
        Some(c) => {
            let own = c.canonical(ctx, &s, &a.space, &x.arch, span)?;
            let mut out = vec![];
            for m in list {
                let m = c.canonical(ctx, &s, &a.space, &m, span)?;
                if let Some(m) = m
                    && Some(&m) != own.as_ref()
                    && !out.contains(&m)
                {
                    out.push(m);
                }
            }
            out
        }
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

fn trace(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("net")?;
    if v.is_unknown() || matches!(v.plain(), Value::Invalid(_)) {
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
        Value::Net(n) => {
            w.space = n.space().cloned();
            w.net = Some(v.clone());
        }
        Value::Func(f) if matches!(f.kind, crate::value::FuncKind::Space { .. }) => {
            w.space = Some(space::as_space(ctx, &v, span)?)
        }
        Value::Func(_) => w.net = Some(v.clone()),
        Value::Unknown(_) => {}
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
    let shapes = s.slot_shapes(ctx, &policy, false, span)?;
    let mut names: Vec<_> = shapes.into_iter().collect();
    names.sort();
    let mut r = Fields::new();
    for (n, dims) in names {
        r.insert(n, Value::list(dims.into_iter().map(Value::int).collect()));
    }
    Ok(Value::record(r))
}
