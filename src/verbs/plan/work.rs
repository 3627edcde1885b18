//! The work of each part of a stage, from what the check noted: steps, images, MACs, parameters, memory.

use super::memory;
use nas_eval::ctx::Ctx;
use nas_eval::ledger::{Record, Times, What};
use nas_eval::net::{NetBase, NetValue};
use nas_eval::space::Terms;
use nas_eval::value::{Unit, Value};
use nas_eval::weights::WeightsValue;
use nas_plan::{Cost, Work};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Gradients cost about two more passes.
const TRAINING: u64 = 3;

/// The stage that a path belongs to: `nets` of `nets.spos[6]`.
pub fn stage_of(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
}

/// What a stage does, by its records; sorted.
pub fn effects(ledger: &[Record], stage: &str) -> Vec<String> {
    let mut out = BTreeSet::new();
    for r in ledger.iter().filter(|r| stage_of(&r.stage) == stage) {
        out.insert(match &r.what {
            What::Draws => "draws",
            What::Reads | What::Opens { .. } => "reads data",
            What::Clock => "reads the clock",
            What::Minimise { .. } => "trains",
            What::Closed { seed: None, .. } => "draws",
            _ => continue,
        });
    }
    out.into_iter().map(String::from).collect()
}

/// The parts of a stage, in the order the check met them.
pub fn of_stage(ctx: &mut Ctx, ledger: &[Record], stage: &str) -> Vec<Work> {
    let mut paths: Vec<&str> = vec![];
    for r in ledger.iter().filter(|r| stage_of(&r.stage) == stage) {
        let tells = matches!(
            r.what,
            What::Closed { .. } | What::Loop { .. } | What::Pass { .. } | What::Minimise { .. }
        );
        if tells && !paths.contains(&&*r.stage) {
            paths.push(&r.stage);
        }
    }
    paths
        .into_iter()
        .map(|path| part(ctx, ledger, path))
        .collect()
}

/// Whether a stage computes: a report of what is there already is none.
pub fn computes(ledger: &[Record], stage: &str) -> bool {
    let own = ledger.iter().filter(|r| stage_of(&r.stage) == stage);
    own.into_iter().any(|r| {
        let what = &r.what;
        matches!(
            what,
            What::Closed { .. } | What::Loop { .. } | What::Pass { .. } | What::Minimise { .. }
        )
    })
}

fn part(ctx: &mut Ctx, ledger: &[Record], path: &str) -> Work {
    let records: Vec<&Record> = ledger.iter().filter(|r| &*r.stage == path).collect();
    let mut w = Work {
        path: path.to_string(),
        times: 1,
        exact: true,
        ..Work::default()
    };
    let first = records.first().map_or(Times::ONCE, |r| r.times);
    w.times = first.count;
    let mut macs: Option<(f64, f64, f64)> = None;
    let mut weights: BTreeMap<u64, (Arc<WeightsValue>, u64)> = BTreeMap::new();
    for r in &records {
        w.exact &= r.times.exact;
        match &r.what {
            What::Closed {
                name, seed, key, ..
            } if w.by.is_none() => {
                w.by = Some(name.to_string());
                w.times = r.times.count;
                w.seed = *seed;
                w.draws = seed.is_none().then(|| format!("{:016x}", key.0[0]));
            }
            What::Loop { steps, size, .. } => {
                let steps = steps.saturating_mul(r.times.count);
                w.steps = w.steps.saturating_add(steps);
                w.batch = w.batch.max(*size);
            }
            What::Pass {
                net,
                images,
                group,
                order,
                ..
            } => {
                let images = images.saturating_mul(r.times.count);
                w.images = w.images.saturating_add(images);
                let own = u32::from(trains(&records, *group));
                let by = TRAINING.pow(own.max(u32::from((*order).min(4))));
                if let Some((low, mean, high)) = item(ctx, net, "contraction") {
                    let n = images as f64 * by as f64;
                    let (a, b, c) = macs.unwrap_or_default();
                    macs = Some((a + low * n, b + mean * n, c + high * n));
                }
            }
            What::Minimise {
                weights: v, states, ..
            } => {
                let e = weights.entry(v.id).or_insert((v.clone(), 0));
                e.1 = e.1.max(*states);
            }
            _ => {}
        }
    }
    w.macs = macs.map(|(low, mean, high)| Cost {
        name: "MACs".into(),
        min: low as i64,
        mean: mean.round(),
        max: high as i64,
    });
    let mut states = 0;
    for (v, s) in weights.values() {
        states = states.max(*s);
        if let Some(p) = params(ctx, v, &records) {
            w.params = Some(w.params.unwrap_or(0) + p);
        }
    }
    w.bytes = w.params.map(|p| p.saturating_mul(4));
    w.copies = copies(&records);
    let part = memory::of_part(ctx, &records, w.params.unwrap_or(0), states);
    (w.memory, w.likely, w.structures) = (part.peak, part.likely, part.structures);
    w
}

/// The weights themselves, and one for each time that a loop keeps them.
fn copies(records: &[&Record]) -> u64 {
    let mut kept: BTreeMap<u64, u64> = BTreeMap::new();
    for r in records {
        if let What::Keeps { every, group } = &r.what {
            let least = kept.entry(*group).or_insert(*every);
            *least = (*every).min(*least);
        }
    }
    let mut all = 1u64;
    for (group, every) in kept {
        let steps = records.iter().map(|r| match &r.what {
            What::Loop {
                steps, group: g, ..
            } if *g == group => *steps,
            _ => 0,
        });
        all = all.saturating_add(steps.fold(0, u64::saturating_add) / every.max(1));
    }
    all
}

/// Whether a turn's passes are differentiated.
fn trains(records: &[&Record], group: u64) -> bool {
    let mut all = records.iter();
    group > 0 && all.any(|r| matches!(r.what, What::Minimise { group: g, .. } if g == group))
}

/// Parameters of a store: of all slots its policy makes, or of the net that is trained.
fn params(ctx: &mut Ctx, w: &Arc<WeightsValue>, records: &[&Record]) -> Option<u64> {
    if let (Some(space), Some(policy)) = (&w.space, &w.policy) {
        let span = space.base.decl.name.span;
        let shapes = space.slot_shapes(ctx, policy, false, span).ok()?;
        let count = |dims: &Vec<i64>| dims.iter().map(|d| (*d).max(0) as u64).product::<u64>();
        return Some(shapes.values().map(count).sum());
    }
    let nets = records.iter().filter_map(|r| match &r.what {
        What::Pass { net, group, .. } if trains(records, *group) => Some(net),
        _ => None,
    });
    let mut most = None;
    for net in nets {
        if let Some((_, _, high)) = item(ctx, net, "params") {
            most = Some(most.unwrap_or(0).max(high as u64));
        }
    }
    most
}

/// Least, mean and largest amount of an item of the cost table of a net; of all members where it is not known which.
fn item(ctx: &mut Ctx, net: &Arc<NetValue>, item: &str) -> Option<(f64, f64, f64)> {
    let v = Value::Net(net.clone());
    let span = nas_diagnostics::Span::default();
    let entries = nas_eval::builtins::costs::entries(ctx, &v, None, span).ok()?;
    let of_item = entries
        .iter()
        .filter(|e| nas_eval::builtins::costs::belongs(&e.item, item));
    let tables: Vec<_> = of_item
        .map(|e| e.amount.as_table())
        .collect::<Option<Vec<_>>>()?;
    match &net.base {
        NetBase::AllMembers { space } if !tables.is_empty() => {
            let terms = Terms {
                space: space.clone(),
                tables,
                unit: Unit::One,
            };
            let (low, mean, high) = crate::verbs::space::summary(ctx, &terms).ok().flatten()?;
            Some((low as f64, mean, high as f64))
        }
        _ => {
            let mut sum = 0.0;
            for t in tables {
                sum += *t.values.first()? as f64;
            }
            Some((sum, sum, sum))
        }
    }
}
