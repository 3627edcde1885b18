//! What data can be asked to do: parts, samples, orders, batches.

use super::batches::{BatchRef, batch};
use super::map::map;
use super::{Batching, DataValue};
use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::value::{Clock, Fields, Unit, Value};
use crate::{Result, access, number};
use std::sync::Arc;

pub fn method(ctx: &mut Ctx, d: &Arc<DataValue>, name: &str, mut args: Args) -> Result<Value> {
    let span = args.span;
    match name {
        "split" | "take" | "skip" => {
            if args.named.is_empty() {
                let n = args.need("n")?;
                let n = (access::whole(ctx, &n, span)?.max(0) as usize).min(d.len());
                let p = if name == "skip" {
                    d.part(n, d.len())
                } else {
                    DataValue {
                        test: d.test.clone(),
                        ..d.part(0, n)
                    }
                };
                return Ok(Value::Data(Arc::new(p)));
            }
            let mut out = Fields::new();
            let mut from = 0usize;
            for (part, v, at) in std::mem::take(&mut args.named) {
                let Some(v) = v else { continue };
                // `test` is the source's own test set where it has one.
                let (of, start) = match (&*part, &d.test) {
                    ("test", Some(t)) => (t.clone(), 0),
                    _ => (d.clone(), from),
                };
                let n = match v.plain() {
                    Value::Int(n, _) if name == "take" || *n > 1 => (*n).max(0) as usize,
                    _ => match number::as_f64(&v) {
                        Some(f) if (0.0..=1.0).contains(&f) => {
                            (f * of.len() as f64 + 1e-9).floor() as usize
                        }
                        _ => {
                            return Err(fault(
                                "E0301",
                                "a part is a share between 0 and 1, or a number of samples",
                            )
                            .at(at, "here")
                            .into());
                        }
                    },
                };
                if start.saturating_add(n) > of.len() {
                    return Err(fault(
                        "E0301",
                        format!(
                            "`{part}` asks for {n} samples, and {} are left",
                            of.len() - start.min(of.len())
                        ),
                    )
                    .at(at, "too many")
                    .into());
                }
                out.insert(
                    part.clone(),
                    Value::Data(Arc::new(of.part(start, start + n))),
                );
                if Arc::ptr_eq(&of, d) {
                    from = start + n;
                }
            }
            if !out.contains_key("test")
                && let Some(t) = &d.test
            {
                out.insert("test".into(), Value::Data(t.clone()));
            }
            Ok(Value::record(out))
        }
        "sample" => {
            let n = args.need("n")?;
            let n = (access::whole(ctx, &n, span)?.max(0) as usize).min(d.len());
            let mut s = ctx.next_key().stream();
            let mut ix: Vec<u32> = (0..d.len()).map(|i| d.index(i)).collect();
            for i in 0..n {
                let j = i + s.below((ix.len() - i) as u64) as usize;
                ix.swap(i, j);
            }
            ix.truncate(n);
            Ok(Value::Data(Arc::new(DataValue {
                indices: Some(Arc::new(ix)),
                ..(**d).clone()
            })))
        }
        "shuffled" => {
            let mut s = ctx.next_key().stream();
            let mut ix: Vec<u32> = (0..d.len()).map(|i| d.index(i)).collect();
            for i in (1..ix.len()).rev() {
                ix.swap(i, s.below(i as u64 + 1) as usize);
            }
            Ok(Value::Data(Arc::new(DataValue {
                indices: Some(Arc::new(ix)),
                ..(**d).clone()
            })))
        }
        "map" => {
            let f = args.need("f")?;
            map(ctx, d, f, span)
        }
        "batch" => {
            let n = args.need("n")?;
            let n = (access::whole(ctx, &n, span)?.max(1) as usize).min(d.len());
            let b = BatchRef {
                clock: Clock {
                    step: 0,
                    steps: 1,
                    epoch: 0,
                    epochs: 1,
                },
                indices: (0..n).map(|i| d.index(i)).collect(),
                key: ctx.next_key(),
            };
            let pair = batch(ctx, d, &b, span)?;
            let Value::List(p) = &pair else {
                return Ok(pair);
            };
            let mut r = Fields::new();
            r.insert("x".into(), p[0].clone());
            r.insert("y".into(), p[1].clone());
            Ok(Value::record(r))
        }
        "batches" => {
            let size = args.need("size")?;
            let size = access::whole(ctx, &size, span)?;
            if size < 1 {
                return Err(fault("E0301", format!("batches of {size}"))
                    .at(span, "here")
                    .into());
            }
            let mut int = |name: &str, unit: Unit| -> Result<Option<i64>> {
                match args.take_named(name) {
                    None => Ok(None),
                    Some(v) => {
                        let u = number::unit_of(&v);
                        if u != Unit::One && u != unit {
                            return Err(fault(
                                "E0305",
                                format!(
                                    "`{name}` counts {}, and this is in {}",
                                    unit.name(),
                                    u.name()
                                ),
                            )
                            .at(span, "here")
                            .into());
                        }
                        access::whole(ctx, &v, span).map(Some)
                    }
                }
            };
            let (epochs, steps, count) = (
                int("epochs", Unit::Epochs)?,
                int("steps", Unit::Steps)?,
                int("count", Unit::One)?,
            );
            if let Some((n, _, at)) = args.named.first() {
                return Err(fault("E0303", format!("`batches` has no argument `{n}`"))
                    .at(*at, "here")
                    .help("`epochs`, `steps` and `count` are known")
                    .into());
            }
            if d.is_empty() {
                return Err(fault("E0702", "there are no samples to make batches of")
                    .at(span, "here")
                    .into());
            }
            let batching = Batching {
                size: size as usize,
                epochs,
                steps,
                count,
                key: ctx.next_key(),
                shuffle: epochs.is_some() || steps.is_some(),
            };
            Ok(Value::Data(Arc::new(DataValue {
                batching: Some(batching),
                ..(**d).clone()
            })))
        }
        other => {
            let d = fault("E0202", format!("data has no `{other}`")).at(span, "here");
            let near = nas_diagnostics::did_you_mean(other, FUNCTIONS);
            Err(match near {
                Some(near) => d.help(format!("did you mean `{near}`?")),
                None => d.note(format!("it has {}", FUNCTIONS.join(", "))),
            }
            .into())
        }
    }
}

/// What data can be asked for.
const FUNCTIONS: &[&str] = &[
    "split", "take", "skip", "sample", "map", "shuffled", "batch", "batches",
];
