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
use nas_plan::{Memory, Structure, Work};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex};

/// What the program takes before it computes anything: its code, the library's trees, threads. Measured.
const PROGRAM: u64 = 20_000_000;
/// Compiled graphs keep their buffers up to here; see the runtime.
pub const COMPILED: u64 = nasc_runtime::COMPILED;

/// More graphs than this are not kept; so many stand for a number that is not known.
const MANY: u64 = 64;

/// Peaks known by what was asked.
static KNOWN: LazyLock<Mutex<HashMap<String, Option<u64>>>> = LazyLock::new(Default::default);

/// Passes that are computed together.
#[derive(Default)]
struct Turn {
    /// With the images of one pass, and how often a turn makes it.
    nets: Vec<(Arc<NetValue>, u64, u64)>,
    /// Of the gradients that are taken.
    order: u8,
    /// How many graphs differ.
    graphs: u64,
    /// Some member is not known.
    open: bool,
}

/// The largest turn of a part, in bytes: nets of one turn together, with gradients and the optimiser's states. And the graphs that are
/// compiled for it: what is asked of each, its bytes, and how many differ.
pub fn of_part(
    ctx: &mut Ctx,
    records: &[&Record],
    params: u64,
    states: u64,
) -> (Option<u64>, Vec<Structure>) {
    let trains = |group: u64| {
        records
            .iter()
            .any(|r| matches!(&r.what, What::Minimise { group: g, .. } if *g == group))
    };
    let mut turns: BTreeMap<(u64, usize), Turn> = BTreeMap::new();
    for (i, r) in records.iter().enumerate() {
        if let What::Pass {
            net,
            images,
            group,
            order,
            ..
        } = &r.what
        {
            // Passes outside a loop of a training stand alone.
            let place = if *group == 0 { i } else { 0 };
            let steps = records.iter().find_map(|r| match r.what {
                What::Loop { steps, .. } if *group > 0 => Some(steps.saturating_mul(r.times.count)),
                _ => None,
            });
            let times = r.times.count;
            let often = match steps {
                Some(s) if s > 0 => (times / s).clamp(1, MANY),
                _ => 1,
            };
            // A supernet's steps are members of their own; a member that is not known yet is another each time.
            let graphs = match (&net.base, &net.policy) {
                (NetBase::AllMembers { .. }, _) if !r.times.exact => MANY,
                (NetBase::AllMembers { .. }, Some(_)) => times,
                // The same net may be run in other ways each time: with other widths of bits, say.
                _ => times / steps.unwrap_or(1).max(1),
            };
            let turn = turns.entry((*group, place)).or_default();
            turn.order = turn.order.max(*order);
            turn.graphs = turn.graphs.max(graphs.clamp(1, MANY));
            turn.open |= matches!(net.base, NetBase::AllMembers { .. });
            turn.nets.push((net.clone(), *images, often));
        }
    }
    let mut most = None;
    let mut structures = vec![];
    for ((group, _), turn) in turns {
        let train = group > 0 && trains(group);
        let order = turn.order.max(u8::from(train));
        let Some((asked, mut peak)) = of_turn(ctx, &turn.nets, order, train) else {
            continue;
        };
        if train {
            // Old and new values of weights and states are both there when a turn ends.
            peak = peak.saturating_add(params.saturating_mul(4 * (1 + 2 * states)));
        }
        structures.push(Structure {
            asked,
            bytes: peak,
            count: turn.graphs,
            open: turn.open,
        });
        most = Some(most.unwrap_or(0).max(peak));
    }
    (most, structures)
}

fn of_turn(
    ctx: &mut Ctx,
    nets: &[(Arc<NetValue>, u64, u64)],
    order: u8,
    train: bool,
) -> Option<(String, u64)> {
    let mut members = vec![];
    let mut asked = format!("{order} {train}");
    for (n, images, often) in nets {
        let m = member(ctx, n)?;
        let print = nas_eval::show::fingerprint(&Value::Net(m.clone()));
        asked.push_str(&format!("|{print} {images} {often}"));
        members.push((m, *images, *often));
    }
    if let Some(known) = KNOWN.lock().ok()?.get(&asked) {
        return known.map(|peak| (asked.clone(), peak));
    }
    let peak = placed(ctx, &members, order, train);
    KNOWN.lock().ok()?.insert(asked.clone(), peak);
    peak.map(|peak| (asked, peak))
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

/// Bytes at the peak of one turn's graph, with gradients up to this order.
fn placed(
    ctx: &mut Ctx,
    nets: &[(Arc<NetValue>, u64, u64)],
    order: u8,
    train: bool,
) -> Option<u64> {
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
    let mut loss = loss?;
    weights.sort_by_key(|t| t.0.id);
    for last in (0..order).rev() {
        let gradients = loss.grad(&weights).ok()?;
        if last == 0 {
            outputs.extend(gradients);
            break;
        }
        // The next gradient is taken of a number that follows from these.
        for g in gradients {
            let axes: Vec<usize> = (0..g.rank()).collect();
            let square = g.binary(nas_ir::Binary::Mul, &g).ok()?;
            let sum = square.reduce(ReduceKind::Sum, &axes, false);
            loss = loss.binary(nas_ir::Binary::Add, &sum).ok()?;
        }
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
    let mut kept: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for s in work.iter().flat_map(|w| &w.structures) {
        let entry = kept.entry(&s.asked).or_default();
        // A graph that is known is compiled once, wherever it is asked for.
        entry.1 = match s.open {
            true => entry.1.saturating_add(s.count),
            false => entry.1.max(s.count),
        };
        entry.0 = entry.0.max(s.bytes);
    }
    let graphs = kept
        .values()
        .map(|(bytes, count)| bytes.saturating_mul((*count).min(MANY)))
        .fold(0, u64::saturating_add);
    Memory {
        base: PROGRAM,
        data: opened.saturating_add(data),
        kept: graphs.saturating_sub(stage).min(COMPILED),
        stage,
        at: largest.map_or("-".into(), |w| w.path.clone()),
    }
}
