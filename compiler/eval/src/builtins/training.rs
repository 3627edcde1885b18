//! Functions of trainings: settings over time, optimisers started anew, mixing slots, what losses say.

use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::value::{BuiltinFn, Fields, Value};
use crate::{Result, access, curriculum, train};

pub const TRAINING: &[(&str, BuiltinFn)] = &[
    ("changes", changes),
    ("phases", phases),
    ("restart", restart),
    ("mix", mix),
    ("stalls", stalls),
    ("adapter", |_, args| {
        Err(
            fault("E0107", "`adapter` stands in a `match` of a `distill`")
                .at(args.span, "here")
                .into(),
        )
    }),
    ("passes", passes),
    ("seal", crate::seal::seal),
    ("disclose", crate::seal::disclose),
];

fn changes(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let f = args.need("f")?;
    let total = args.need("total")?;
    if f.is_unknown() || total.is_unknown() {
        return Ok(Value::unknown());
    }
    curriculum::changes(ctx, &f, &total, span)
}

fn phases(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let f = args.need("curriculum")?;
    curriculum::phases(ctx, &f, span)
}

fn restart(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let opt = args.need("opt")?;
    train::restart(ctx, &opt, span)
}

/// `mix([slots], by: gate)`: a use that reads all of them, outputs added up by the gate's shares.
fn mix(_ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let slots = args.need("slots")?;
    let by = args.need("by")?;
    let Value::List(l) = slots.plain() else {
        if slots.is_unknown() {
            return Ok(slots);
        }
        return Err(fault(
            "E0301",
            format!("`mix` takes a list of slots, and this is {}", slots.kind()),
        )
        .at(span, "here")
        .help("write `mix([slot(…) for k in 0..n], by: gate)`")
        .into());
    };
    let whole = |v: &Value| matches!(v.plain(), Value::Record(r) if r.contains_key("slot"));
    if l.is_empty() || !l.iter().all(|v| whole(v) || v.is_unknown()) {
        return Err(fault("E0301", "`mix` takes slots, at least one")
            .at(span, "here")
            .help("write `mix([slot(…) for k in 0..n], by: gate)`")
            .into());
    }
    let mut r = Fields::new();
    r.insert("mix".into(), slots);
    r.insert("by".into(), by);
    Ok(Value::record(r))
}

/// How often a falling sequence stood still: more than `patience` entries in a row none of which was below the best by a share of it.
fn stalls(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let xs = args.need("xs")?;
    let patience = args.need("patience")?;
    let threshold = args.next("threshold").unwrap_or(Value::float(1e-4));
    if xs.is_unknown() {
        return Ok(xs);
    }
    let xs = train::numbers(ctx, &xs, span)?;
    let patience = access::whole(ctx, &patience, span)?;
    let threshold = train::number(ctx, &threshold, span)?;
    let (mut best, mut bad, mut n) = (f64::INFINITY, 0, 0);
    for x in xs {
        if x < best * (1.0 - threshold * best.signum()) || best.is_infinite() {
            best = x;
            bad = 0;
        } else {
            bad += 1;
            if bad > patience {
                n += 1;
                bad = 0;
            }
        }
    }
    Ok(Value::int(n))
}

/// Forward passes of a net that trained these weights.
fn passes(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let w = args.need("weights")?;
    if ctx.checking() {
        return Ok(Value::Unknown(crate::value::Known::Number));
    }
    match w.plain() {
        Value::Weights(w) => Ok(Value::int(
            w.passes.load(std::sync::atomic::Ordering::Relaxed) as i64,
        )),
        Value::Unknown(_) | Value::Invalid(_) => Ok(w),
        other => Err(fault(
            "E0301",
            format!("weights are wanted, and this is {}", other.kind()),
        )
        .at(span, "here")
        .into()),
    }
}
