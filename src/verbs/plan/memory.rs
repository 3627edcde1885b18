//! Predicted memory: the graph of one turn for the largest member is made and placed, and nothing is computed.

use nas_diagnostics::Span;
use nas_eval::call::Args;
use nas_eval::ctx::Ctx;
use nas_eval::key::Key;
use nas_eval::ledger::{self, Record, What};
use nas_eval::net::{self, NetBase, NetValue, NetWeights};
use nas_eval::value::Value;
use nas_ir::op::ReduceKind;
use nas_ir::{Dim, Tensor};
use nas_plan::{Memory, Work};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex};

/// What the program takes before it computes anything: its code, the library's trees, threads. Measured.
const PROGRAM: u64 = 20_000_000;
/// Compiled graphs keep their buffers up to here; see the runtime.
pub const COMPILED: u64 = nasc_runtime::COMPILED;

/// Peaks known by what was asked.
static KNOWN: LazyLock<Mutex<HashMap<String, Option<u64>>>> = LazyLock::new(Default::default);

/// The largest turn of a part, in bytes: nets of one turn together, with gradients and the optimiser's states.
pub fn of_part(ctx: &mut Ctx, records: &[&Record], params: u64, states: u64) -> Option<u64> {
    let trains = |group: u64| {
        records
            .iter()
            .any(|r| matches!(&r.what, What::Minimise { group: g, .. } if *g == group))
    };
    let mut turns: BTreeMap<(u64, usize), Vec<(Arc<NetValue>, u64, u64)>> = BTreeMap::new();
    for (i, r) in records.iter().enumerate() {
        if let What::Pass {
            net, images, group, ..
        } = &r.what
        {
            // Passes outside a loop of a training stand alone.
            let place = if *group == 0 { i } else { 0 };
            let steps = records.iter().find_map(|r| match r.what {
                What::Loop { steps, .. } if *group > 0 => Some(steps.saturating_mul(r.times.count)),
                _ => None,
            });
            let often = match steps {
                Some(s) if s > 0 => (r.times.count / s).clamp(1, 64),
                _ => 1,
            };
            let turn = turns.entry((*group, place)).or_default();
            turn.push((net.clone(), *images, often));
        }
    }
    let mut most = None;
    for ((group, _), nets) in turns {
        let train = group > 0 && trains(group);
        let Some(mut peak) = of_turn(ctx, &nets, train) else {
            continue;
        };
        if train {
            // Old and new values of weights and states are both there when a turn ends.
            peak = peak.saturating_add(params.saturating_mul(4 * (1 + 2 * states)));
        }
        most = Some(most.unwrap_or(0).max(peak));
    }
    most
}

fn of_turn(ctx: &mut Ctx, nets: &[(Arc<NetValue>, u64, u64)], train: bool) -> Option<u64> {
    let mut members = vec![];
    let mut asked = format!("{train}");
    for (n, images, often) in nets {
        let m = member(ctx, n)?;
        let print = nas_eval::show::fingerprint(&Value::Net(m.clone()));
        asked.push_str(&format!("|{print} {images} {often}"));
        members.push((m, *images, *often));
    }
    if let Some(known) = KNOWN.lock().ok()?.get(&asked) {
        return *known;
    }
    let peak = placed(ctx, &members, train);
    KNOWN.lock().ok()?.insert(asked, peak);
    peak
}

/// The net itself, or the member that computes most where it is not known which; with weights of its own.
fn member(ctx: &mut Ctx, n: &Arc<NetValue>) -> Option<Arc<NetValue>> {
    let base = match &n.base {
        NetBase::AllMembers { space } => NetBase::Member {
            space: space.clone(),
            arch: ledger::largest(ctx, space, "contraction")?,
        },
        other => other.clone(),
    };
    Some(Arc::new(NetValue::new(
        base,
        NetWeights::Fresh(Key::seed(0)),
    )))
}

/// Bytes at the peak of one turn's graph.
fn placed(ctx: &mut Ctx, nets: &[(Arc<NetValue>, u64, u64)], train: bool) -> Option<u64> {
    let mut outputs = vec![];
    let mut weights = vec![];
    let mut loss: Option<Tensor> = None;
    for (n, images, often) in nets {
        for turn in 0..*often {
            let key = Key::seed(turn);
            let mut own = NetValue::new(n.base.clone(), NetWeights::Fresh(key));
            own.train = Some(train);
            let own = Arc::new(own);
            let batch = Dim::from(usize::try_from(*images).ok()?);
            let x = net::stand_in_input(ctx, &own, batch, None, Span::default()).ok()?;
            let x = match x.plain() {
                Value::Tensor(t, _) => {
                    let shape = t.shape().iter().cloned().collect();
                    let name = format!("input {turn}");
                    Value::tensor(Tensor::slot(0, name.into(), shape, t.dtype()))
                }
                _ => return None,
            };
            let args = Args::one(x, Span::default());
            let (y, _, _) = net::run(ctx, &own, args, None, false).ok()?;
            let Value::Tensor(y, _) = y.plain() else {
                return None;
            };
            let axes: Vec<usize> = (0..y.rank()).collect();
            let sum = y
                .binary(nas_ir::Binary::Mul, y)
                .ok()?
                .reduce(ReduceKind::Sum, &axes, false);
            loss = Some(match loss {
                None => sum,
                Some(l) => l.binary(nas_ir::Binary::Add, &sum).ok()?,
            });
            if let Ok(made) = own.made.lock() {
                weights.extend(made.values().cloned());
            }
        }
    }
    let loss = loss?;
    if train {
        weights.sort_by_key(|t| t.0.id);
        outputs.extend(loss.grad(&weights).ok()?);
    }
    outputs.push(loss);
    let (graph, _) = nas_ir::graph::linearise(&outputs).ok()?;
    let ready = nas_network::prepare(&graph).ok()?;
    u64::try_from(ready.placement.peak + ready.placement.bound).ok()
}

/// Memory of a whole pipeline, one job.
pub fn of_pipeline(ledger: &[Record], work: &[Work], data: u64) -> Memory {
    let opened: u64 = ledger
        .iter()
        .map(|r| match r.what {
            What::Opens { samples, bytes } => samples.saturating_mul(bytes),
            _ => 0,
        })
        .sum();
    let largest = work.iter().max_by_key(|w| w.memory.unwrap_or(0));
    let stage = largest.and_then(|w| w.memory).unwrap_or(0);
    // Each structure that is met is kept with its buffers, until they are too many.
    let graphs: u64 = work
        .iter()
        .map(|w| w.memory.unwrap_or(0).saturating_mul(w.times.clamp(1, 64)))
        .fold(0, u64::saturating_add);
    Memory {
        base: PROGRAM,
        data: opened.saturating_add(data),
        kept: graphs.saturating_sub(stage).min(COMPILED),
        stage,
        at: largest.map_or("-".into(), |w| w.path.clone()),
    }
}
