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
const PROGRAM: u64 = 30_000_000;
/// Bytes of a compiled graph, an operation. Measured.
const OPERATION: u64 = 700;
/// More operations than this are not kept.
const OPERATIONS: u64 = nasc_runtime::OPERATIONS as u64;
/// So many graphs stand for a number that is not known.
const MANY: u64 = 1_000;
/// Members that are drawn to tell what one takes in the mean.
const DRAWN: u64 = 3;

/// One turn by what was asked: bytes of the largest members and of drawn ones in the mean, and operations of these.
#[derive(Clone, Copy)]
struct Sizes {
    peak: u64,
    likely: u64,
    operations: u64,
}
static KNOWN: LazyLock<Mutex<HashMap<String, Option<Sizes>>>> = LazyLock::new(Default::default);

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

/// What the turns of a part take.
#[derive(Default)]
pub struct Part {
    /// Bytes of its largest turn, nets of one turn together, with gradients and the optimiser's states: of the largest members.
    pub peak: Option<u64>,
    /// Of drawn members.
    pub likely: Option<u64>,
    /// The graphs that are compiled for it.
    pub structures: Vec<Structure>,
}

/// Memory of a part by its passes.
pub fn of_part(ctx: &mut Ctx, records: &[&Record], params: u64, states: u64) -> Part {
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
                What::Loop {
                    steps, group: own, ..
                } if *group > 0 && own == *group => Some(steps.saturating_mul(r.times.count)),
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
    let mut part = Part::default();
    for ((group, _), turn) in turns {
        let train = group > 0 && trains(group);
        let order = turn.order.max(u8::from(train));
        let Some((asked, sizes)) = of_turn(ctx, &turn.nets, order, train) else {
            continue;
        };
        // Old and new values of weights and states are both there when a turn ends.
        let kept = match train {
            true => params.saturating_mul(4 * (1 + 2 * states)),
            false => 0,
        };
        let most = |known: Option<u64>, size: u64| {
            let size = size.saturating_add(kept);
            Some(known.unwrap_or(0).max(size))
        };
        part.structures.push(Structure {
            asked,
            operations: sizes.operations,
            count: turn.graphs.min(different(ctx, &turn.nets)),
            open: turn.open,
        });
        part.peak = most(part.peak, sizes.peak);
        part.likely = most(part.likely, sizes.likely);
    }
    part
}

/// How many graphs there can be, members of spaces being what tells them apart.
fn different(ctx: &mut Ctx, nets: &[(Arc<NetValue>, u64, u64)]) -> u64 {
    let mut all: u64 = 1;
    for (n, _, often) in nets {
        if let NetBase::AllMembers { space } = &n.base {
            let size = space.algebra(ctx, Span::default()).ok();
            let size = size.and_then(|a| u64::try_from(a.space.feasible_size().ok()?).ok());
            let size = size.unwrap_or(MANY).min(MANY);
            for _ in 0..*often {
                all = all.saturating_mul(size).min(MANY);
            }
        } else {
            return MANY;
        }
    }
    all.max(1)
}

fn of_turn(
    ctx: &mut Ctx,
    nets: &[(Arc<NetValue>, u64, u64)],
    order: u8,
    train: bool,
) -> Option<(String, Sizes)> {
    let mut members = vec![];
    let mut asked = format!("{order} {train}");
    for (n, images, often) in nets {
        let m = member(ctx, n)?;
        let print = nas_eval::show::fingerprint(&Value::Net(m.clone()));
        asked.push_str(&format!("|{print} {images} {often}"));
        members.push((m, *images, *often));
    }
    if let Some(known) = KNOWN.lock().ok()?.get(&asked) {
        return known.map(|sizes| (asked.clone(), sizes));
    }
    let sizes = placed(ctx, &members, order, train).map(|largest| {
        let drawn = mean(ctx, nets, order, train).unwrap_or(largest);
        Sizes {
            peak: largest.0,
            likely: drawn.0.min(largest.0),
            operations: drawn.1,
        }
    });
    KNOWN.lock().ok()?.insert(asked.clone(), sizes);
    sizes.map(|sizes| (asked, sizes))
}

/// Bytes and operations of a turn, of members drawn by number: the same ones each time. None where every net is known.
fn mean(
    ctx: &mut Ctx,
    nets: &[(Arc<NetValue>, u64, u64)],
    order: u8,
    train: bool,
) -> Option<(u64, u64)> {
    let open = |n: &Arc<NetValue>| matches!(n.base, NetBase::AllMembers { .. });
    if !nets.iter().any(|(n, ..)| open(n)) {
        return None;
    }
    let mut total = (0, 0);
    for turn in 0..DRAWN {
        let mut drawn = vec![];
        for (i, (n, images, often)) in nets.iter().enumerate() {
            for turn_of_net in 0..*often {
                let key = Key::seed(0).child(turn).child(i as u64).child(turn_of_net);
                drawn.push((some(ctx, n, key)?, *images, 1));
            }
        }
        let one = placed(ctx, &drawn, order, train)?;
        total = (total.0 + one.0, total.1 + one.1);
    }
    Some((total.0 / DRAWN, total.1 / DRAWN))
}

/// The net itself, or a member that the key draws.
fn some(ctx: &mut Ctx, n: &Arc<NetValue>, key: Key) -> Option<Arc<NetValue>> {
    let base = match &n.base {
        NetBase::AllMembers { space } => {
            let algebra = space.algebra(ctx, Span::default()).ok()?;
            let sampler =
                nas_eval::builtins::spaces::sampler(space, &algebra, Span::default()).ok()?;
            let mut stream = key.stream();
            let arch = sampler.sample(&algebra.space, &mut |below: u64| stream.below(below))?;
            let arch = nas_eval::space::ArchValue::new(space.clone(), arch);
            NetBase::Member {
                space: space.clone(),
                arch,
            }
        }
        other => other.clone(),
    };
    Some(Arc::new(NetValue::new(base, NetWeights::Fresh(key))))
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

/// Bytes at the peak of one turn's graph, with gradients up to this order, and its operations.
fn placed(
    ctx: &mut Ctx,
    nets: &[(Arc<NetValue>, u64, u64)],
    order: u8,
    train: bool,
) -> Option<(u64, u64)> {
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
    // Buffers wait by their length: between what is alive at once and what never shares memory.
    let buffers = ready.placement.peak.midpoint(ready.placement.reserved());
    let bytes = |n: usize| u64::try_from(n).ok();
    let operations = ready.graph.nodes.node_count();
    Some((
        bytes(buffers)? + bytes(ready.placement.bound)?,
        bytes(operations)?,
    ))
}

/// Memory of a whole pipeline; `results` are bytes of the weights that stages hold.
pub fn of_pipeline(ledger: &[Record], work: &[Work], data: u64, results: u64) -> Memory {
    let opened: u64 = ledger
        .iter()
        .map(|r| match r.what {
            What::Opens { samples, bytes } => samples.saturating_mul(bytes),
            _ => 0,
        })
        .sum();
    let largest = work.iter().max_by_key(|w| w.memory.unwrap_or(0));
    let mut out = Memory {
        base: PROGRAM,
        data: opened.saturating_add(data),
        kept: operations(work).saturating_mul(OPERATION),
        results,
        stage: largest.and_then(|w| w.memory).unwrap_or(0),
        likely: work.iter().filter_map(|w| w.likely).max().unwrap_or(0),
        at: largest.map_or("-".into(), |w| w.path.clone()),
        peak: 0,
        tables: ledger
            .iter()
            .map(|r| match r.what {
                What::Table { bytes } => bytes,
                _ => 0,
            })
            .fold(0, u64::saturating_add),
    };
    out.peak = out.of_jobs(1);
    out
}

/// Bytes that buffers may hold between runs: what a budget leaves beside so many jobs.
pub fn rest(m: &Memory, limit: Option<u64>, jobs: u64) -> u64 {
    let beside = nas_plan::BESIDE.saturating_mul(jobs);
    limit.map_or(u64::MAX, |l| {
        l.saturating_sub(m.of_jobs(jobs)).saturating_add(beside)
    })
}

/// Operations of all compiled graphs that are kept at one time.
fn operations(work: &[Work]) -> u64 {
    let mut known: BTreeMap<&str, u64> = BTreeMap::new();
    let mut all = 0u64;
    for s in work.iter().flat_map(|w| &w.structures) {
        // A graph that is known is compiled once, wherever it is asked for.
        let before = known.entry(&s.asked).or_default();
        let fresh = match s.open {
            true => s.count,
            false => s.count.saturating_sub(*before),
        };
        *before = (*before).max(s.count);
        all = all.saturating_add(fresh.saturating_mul(s.operations));
    }
    all.min(OPERATIONS)
}
