//! Runs programs with kernels of our own on the CPU.
//!
//! A program is a flat list of actions; memory comes from pools that outlive runs and that all programs share, so a run that is
//! repeated allocates little more than its outputs. Large kernels share the threads that are free; every sum has a fixed
//! order.

mod contract;
mod fused;
mod pool;
mod single;

use crate::fault::RunFault;
use crate::host::{self, Arg, View};
use crate::onburn::at_node;
use crate::program::{Program, Slots, Source, Step, bound, key, number};
use crate::shape::count;
use crate::value::Value;
use fused::Fused;
use nas_ir::{Bindings, HostData, HostTensor, Op};
use pool::Pool;
pub(crate) use pool::Pools;
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::Instant;

/// What the steps of a program become.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    actions: Vec<Action>,
}

#[derive(Debug)]
struct Action {
    work: Work,
    /// Steps whose value nobody reads after this one.
    dies: SmallVec<[u32; 4]>,
}

#[derive(Debug)]
enum Work {
    Step(u32),
    Fused(Box<Fused>),
}

impl Action {
    fn told(&self, steps: &[Step]) -> Spent {
        let (kind, shape) = match &self.work {
            Work::Step(k) => {
                let step = &steps[*k as usize];
                (step.op.name(), step.shape.clone())
            }
            Work::Fused(f) => (f.name().to_string(), f.shape().to_vec()),
        };
        Spent {
            kind,
            shape,
            seconds: 0.0,
        }
    }
}

impl Plan {
    /// One action a step.
    pub(crate) fn plain(steps: &[Step], outputs: &[u32]) -> Plan {
        let work = (0..steps.len() as u32).map(Work::Step).collect();
        Plan::of(steps, work, outputs)
    }

    /// The kernels of a graph made ready; steps that no kernel covers are bound first.
    pub(crate) fn fused(steps: &[Step], outputs: &[u32], kernels: &[nas_network::Kernel]) -> Plan {
        let most = steps.iter().map(|s| s.node + 1).max().unwrap_or(0);
        let mut place = vec![u32::MAX; most];
        for (k, s) in steps.iter().enumerate() {
            place[s.node] = k as u32;
        }
        let find = |n: petgraph::graph::NodeIndex| {
            place.get(n.index()).copied().filter(|p| *p != u32::MAX)
        };
        let mut work: Vec<Work> = steps
            .iter()
            .enumerate()
            .filter(|(_, s)| {
                matches!(
                    s.source,
                    Source::Slot { .. } | Source::Value(_) | Source::Nothing
                )
            })
            .map(|(k, _)| Work::Step(k as u32))
            .collect();
        for kernel in kernels {
            match kernel {
                nas_network::Kernel::Single(n) => work.extend(find(*n).map(Work::Step)),
                nas_network::Kernel::Fused(f) => match Fused::new(steps, f, find) {
                    Some(f) => work.push(Work::Fused(Box::new(f))),
                    None => {
                        let ends = f.reduce.iter().flat_map(|r| &r.nodes);
                        let all = f.nodes.iter().chain(ends).copied();
                        work.extend(all.filter_map(find).map(Work::Step));
                    }
                },
            }
        }
        Plan::of(steps, work, outputs)
    }

    fn of(steps: &[Step], work: Vec<Work>, outputs: &[u32]) -> Plan {
        let mut last = vec![u32::MAX; steps.len()];
        let mut actions: Vec<Action> = Vec::with_capacity(work.len());
        for (k, w) in work.into_iter().enumerate() {
            let mut read = |i: u32| last[i as usize] = k as u32;
            match &w {
                Work::Step(s) => {
                    steps[*s as usize].inputs.iter().for_each(|i| read(*i));
                }
                Work::Fused(f) => {
                    f.reads().for_each(&mut read);
                    f.writes().for_each(read);
                }
            }
            actions.push(Action {
                work: w,
                dies: SmallVec::new(),
            });
        }
        for (i, k) in last.iter().enumerate() {
            if *k != u32::MAX && !outputs.contains(&(i as u32)) {
                actions[*k as usize].dies.push(i as u32);
            }
        }
        Plan { actions }
    }
}

/// The values of a run, by step.
pub(crate) struct Values<'a> {
    steps: &'a [Step],
    data: Vec<Option<HostData>>,
}

impl<'a> Values<'a> {
    fn arg(&self, step: u32) -> Result<Arg<'_>, RunFault> {
        let i = step as usize;
        let data = match &self.data[i] {
            Some(HostData::F32(v)) => View::F32(v),
            Some(HostData::F64(v)) => View::F64(v),
            Some(HostData::I32(v)) => View::I32(v),
            None => {
                return Err(RunFault::Unbound {
                    what: format!("the input %{}", self.steps[i].node),
                });
            }
        };
        Ok(Arg {
            shape: &self.steps[i].shape,
            data,
        })
    }
}

/// Told after each action: what it was (when asked), since when it ran.
type Watch<'a> = &'a mut dyn FnMut(&dyn Fn() -> Spent, Instant);

/// What one kernel of a run took.
#[derive(Debug, Clone, PartialEq)]
pub struct Spent {
    /// The operation's name; of a fused group, what it ends in.
    pub kind: String,
    /// Of its result, or of the space a group runs over.
    pub shape: Vec<usize>,
    pub seconds: f64,
}

/// Runs a program whose stores are on the host.
pub(crate) fn run(
    pools: &Pools,
    program: &Program,
    bindings: &Bindings,
    slots: &dyn Slots,
    to_host: impl Fn(&Value) -> Result<HostTensor, RunFault>,
    mut watch: Option<Watch<'_>>,
) -> Result<Vec<Value>, RunFault> {
    let inner = &program.inner;
    let plan = &inner.own;
    let _run = nasc_kernels::begin();
    let mut pool = pools.enter(Arc::as_ptr(inner) as usize);
    // Bound tensors are the caller's: held here, so that their memory never goes to the pool.
    let mut leaves = vec![];
    let mut values = Values {
        steps: &inner.steps,
        data: vec![None; inner.steps.len()],
    };
    for action in &plan.actions {
        let began = watch.as_ref().map(|_| Instant::now());
        match &action.work {
            Work::Step(k) => {
                let step = &inner.steps[*k as usize];
                let made = match &step.source {
                    Source::Compute => compute(step, &values, &mut pool)?,
                    Source::Const(_) | Source::Scalar(_) => {
                        let mut out = pool.take(step.dtype, count(&step.shape));
                        host::fill(number(step, bindings)?, &mut out);
                        out.into_data()
                    }
                    Source::Key(_) => {
                        let mut out = pool.take(step.dtype, count(&step.shape));
                        if let Op::Random(d) = step.op {
                            host::draw(d, key(step, bindings)?, &mut out);
                        }
                        out.into_data()
                    }
                    _ => {
                        let data = to_host(&bound(step, bindings, slots)?)?.data;
                        leaves.push(data.clone());
                        data
                    }
                };
                values.data[*k as usize] = Some(made);
            }
            Work::Fused(f) => f.run(&mut values, &mut pool, bindings)?,
        }
        if let (Some(watch), Some(began)) = (&mut watch, began) {
            watch(&|| action.told(&inner.steps), began);
        }
        for i in &action.dies {
            if let Some(data) = values.data[*i as usize].take() {
                pool.give(data);
            }
        }
    }
    let outputs = inner
        .outputs
        .iter()
        .map(|o| {
            let i = *o as usize;
            let data = values.data[i].clone().ok_or_else(|| RunFault::Unbound {
                what: "an output".into(),
            })?;
            Ok(Value::Host(HostTensor {
                shape: inner.steps[i].shape.clone(),
                data,
            }))
        })
        .collect();
    for o in &inner.outputs {
        if let Some(data) = &values.data[*o as usize] {
            pool.lend(data);
        }
    }
    for data in values.data.into_iter().flatten() {
        pool.give(data);
    }
    pools.leave(pool);
    outputs
}

fn compute(step: &Step, values: &Values<'_>, pool: &mut Pool) -> Result<HostData, RunFault> {
    if let (Op::Reshape | Op::Stop | Op::Mark(_) | Op::Surrogate, Some(i)) =
        (&step.op, step.inputs.first())
        && let Some(data) = &values.data[*i as usize]
    {
        return Ok(data.clone());
    }
    let args: Result<SmallVec<[Arg<'_>; 3]>, RunFault> =
        step.inputs.iter().map(|i| values.arg(*i)).collect();
    let args = args?;
    let mut out = pool.take(step.dtype, count(&step.shape));
    if !single::run(step, &args, &mut out, pool)? {
        host::eval_into(&step.op, &args, &step.shape, &mut out).map_err(|f| at_node(f, step))?;
    }
    Ok(out.into_data())
}

/// A kernel's refusal, as a fault of its step.
fn refused(step: &Step, e: nasc_kernels::KernelError) -> RunFault {
    RunFault::Unsupported {
        node: step.node,
        message: format!("{}: {e}", step.op.name()),
    }
}
