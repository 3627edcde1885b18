//! Fused groups: one pass over memory for many point-wise operations, with an optional reduction.

use super::pool::Pool;
use super::{Values, refused};
use crate::fault::RunFault;
use crate::host::{Buffer, View};
use crate::program::{Source, Step, number};
use crate::shape::{broadcast_strides, count};
use nas_ir::{Binary, Bindings, DType, Op, ReduceKind, Unary};
use nas_network::FusedKernel;
use nasc_kernels as k;
use petgraph::graph::NodeIndex;

/// A fused group: its register program, whose outputs are those of the reductions, then those that are kept.
#[derive(Debug)]
pub(super) struct Fused {
    dtype: DType,
    shape: Vec<usize>,
    part: Part,
    reduce: Option<Ends>,
    outputs: Vec<u32>,
}

/// Reductions: the kind, which axes go, the steps of the results.
#[derive(Debug)]
struct Ends {
    kind: k::Reduce,
    mask: Vec<bool>,
    steps: Vec<u32>,
}

/// A register program and what it reads.
#[derive(Debug)]
struct Part {
    program: k::Program,
    inputs: Vec<In>,
}

#[derive(Debug)]
struct In {
    step: u32,
    /// Over the group's shape; none for a number.
    strides: Option<Vec<isize>>,
}

impl Fused {
    /// None where the group does not fit the kernels: too many axes, an operation they do not have.
    pub(super) fn new(
        steps: &[Step],
        f: &FusedKernel,
        find: impl Fn(NodeIndex) -> Option<u32>,
    ) -> Option<Fused> {
        if f.shape.len() > 8 {
            return None;
        }
        let list =
            |nodes: &[NodeIndex]| -> Option<Vec<u32>> { nodes.iter().map(|n| find(*n)).collect() };
        let (nodes, outputs) = (list(&f.nodes)?, list(&f.outputs)?);
        let members: Vec<u32> = nodes
            .into_iter()
            .filter(|n| steps[*n as usize].source == Source::Compute)
            .collect();
        let reduce = match &f.reduce {
            None => None,
            Some(r) => Some(Ends {
                kind: reduce_kind(r.kind),
                mask: (0..f.shape.len()).map(|i| r.axes.contains(&i)).collect(),
                steps: list(&r.nodes)?,
            }),
        };
        let ends = reduce.as_ref().map_or(&[][..], |r| &r.steps);
        let mut wanted = vec![];
        for end in ends {
            wanted.push(*steps[*end as usize].inputs.first()?);
        }
        wanted.extend(&outputs);
        let first = ends.first().or(members.first())?;
        Some(Fused {
            dtype: steps[*first as usize].dtype,
            shape: f.shape.clone(),
            part: Part::new(steps, &f.shape, &members, &wanted)?,
            reduce,
            outputs,
        })
    }

    /// What it does, in a word.
    pub(super) fn name(&self) -> &'static str {
        match (&self.outputs[..], &self.reduce) {
            ([], Some(_)) => "point-wise, reduced",
            (_, Some(_)) => "point-wise, kept and reduced",
            _ => "point-wise",
        }
    }

    /// The space it runs over.
    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The steps it reads from memory.
    pub(super) fn reads(&self) -> impl Iterator<Item = u32> + '_ {
        let inputs = self.part.inputs.iter();
        inputs.filter(|i| i.strides.is_some()).map(|i| i.step)
    }

    /// The steps it leaves in memory.
    pub(super) fn writes(&self) -> impl Iterator<Item = u32> + '_ {
        let ends = self.reduce.iter().flat_map(|r| &r.steps);
        self.outputs.iter().chain(ends).copied()
    }

    pub(super) fn run(
        &self,
        values: &mut Values<'_>,
        pool: &mut Pool,
        bindings: &Bindings,
    ) -> Result<(), RunFault> {
        let made: Vec<(u32, Buffer)> = self
            .writes()
            .map(|s| {
                (
                    s,
                    pool.take(self.dtype, count(&values.steps[s as usize].shape)),
                )
            })
            .collect();
        let made = match self.dtype {
            DType::F64 => self.compute::<f64>(values, bindings, made)?,
            _ => self.compute::<f32>(values, bindings, made)?,
        };
        for (step, buffer) in made {
            values.data[step as usize] = Some(buffer.into_data());
        }
        Ok(())
    }

    /// Fills the buffers of the steps that it leaves in memory, what is kept before what is reduced.
    fn compute<E: Seen>(
        &self,
        values: &Values<'_>,
        bindings: &Bindings,
        mut made: Vec<(u32, Buffer)>,
    ) -> Result<Vec<(u32, Buffer)>, RunFault> {
        let refuse = |e| match self.writes().next() {
            Some(s) => refused(&values.steps[s as usize], e),
            None => RunFault::Unbound {
                what: "a result".into(),
            },
        };
        let temps = self.part.temps::<E>(values)?;
        let inputs = self.part.inputs::<E>(values, &temps, bindings)?;
        let mut to: Vec<&mut [E]> = made
            .iter_mut()
            .filter_map(|m| E::written(&mut m.1))
            .collect();
        let kept = self.outputs.len().min(to.len());
        let (kept, ends) = to.split_at_mut(kept);
        let program = &self.part.program;
        match &self.reduce {
            None => k::run_fused(program, &self.shape, &inputs, kept),
            Some(r) => {
                k::run_fused_reduce(program, &self.shape, &inputs, &r.mask, r.kind, ends, kept)
            }
        }
        .map_err(refuse)?;
        Ok(made)
    }
}

/// An element type of the kernels, seen in the values of a run.
pub(super) trait Seen: k::Elem {
    fn seen(view: View<'_>) -> Option<&[Self]>;
    fn written(buffer: &mut Buffer) -> Option<&mut [Self]>;
    fn cast(view: View<'_>) -> Vec<Self> {
        match view {
            View::F32(v) => v.iter().map(|x| Self::of(*x as f64)).collect(),
            View::F64(v) => v.iter().map(|x| Self::of(*x)).collect(),
            View::I32(v) => v.iter().map(|x| Self::of(*x as f64)).collect(),
        }
    }
}

impl Seen for f32 {
    fn seen(view: View<'_>) -> Option<&[f32]> {
        match view {
            View::F32(v) => Some(v),
            _ => None,
        }
    }
    fn written(buffer: &mut Buffer) -> Option<&mut [f32]> {
        match buffer {
            Buffer::F32(v) => Some(v),
            _ => None,
        }
    }
}

impl Seen for f64 {
    fn seen(view: View<'_>) -> Option<&[f64]> {
        match view {
            View::F64(v) => Some(v),
            _ => None,
        }
    }
    fn written(buffer: &mut Buffer) -> Option<&mut [f64]> {
        match buffer {
            Buffer::F64(v) => Some(v),
            _ => None,
        }
    }
}

impl Part {
    /// The program that gives `wanted`.
    fn new(steps: &[Step], shape: &[usize], members: &[u32], wanted: &[u32]) -> Option<Part> {
        let mut needed: Vec<u32> = vec![];
        let mut stack = wanted.to_vec();
        let inside = |s: u32| members.contains(&s);
        while let Some(s) = stack.pop() {
            if inside(s) && !needed.contains(&s) {
                needed.push(s);
                stack.extend(&steps[s as usize].inputs);
            }
        }
        needed.sort_unstable();
        let mut read: Vec<u32> = vec![];
        let ends = wanted.iter().filter(|w| !inside(**w));
        for i in needed
            .iter()
            .flat_map(|s| &steps[*s as usize].inputs)
            .chain(ends)
        {
            if !inside(*i) && !read.contains(i) {
                read.push(*i);
            }
        }
        let register = |s: u32| -> Option<u16> {
            let at = match read.iter().position(|r| *r == s) {
                Some(i) => i,
                None => read.len() + needed.iter().position(|r| *r == s)?,
            };
            u16::try_from(at).ok()
        };
        let mut code = vec![];
        for s in &needed {
            let step = &steps[*s as usize];
            let args: Option<Vec<u16>> = step.inputs.iter().map(|i| register(*i)).collect();
            code.push(k::Instr::new(operation(&step.op)?, &args?, register(*s)?));
        }
        let out: Option<Vec<u16>> = wanted.iter().map(|w| register(*w)).collect();
        let program = k::Program::new(read.len(), &code, &out?).ok()?;
        let inputs = read
            .into_iter()
            .map(|step| {
                let s = &steps[step as usize];
                let number =
                    matches!(s.source, Source::Const(_) | Source::Scalar(_)) && s.shape.is_empty();
                let strides = broadcast_strides(&s.shape, shape);
                In {
                    step,
                    strides: (!number).then(|| strides.iter().map(|v| *v as isize).collect()),
                }
            })
            .collect();
        Some(Part { program, inputs })
    }

    /// Inputs of the other float type, cast.
    fn temps<E: Seen>(&self, values: &Values<'_>) -> Result<Vec<Option<Vec<E>>>, RunFault> {
        self.inputs
            .iter()
            .map(|i| {
                if i.strides.is_none() {
                    return Ok(None);
                }
                let view = values.arg(i.step)?.data;
                Ok(match E::seen(view) {
                    Some(_) => None,
                    None => Some(E::cast(view)),
                })
            })
            .collect()
    }

    fn inputs<'a, E: Seen>(
        &'a self,
        values: &'a Values<'_>,
        temps: &'a [Option<Vec<E>>],
        bindings: &Bindings,
    ) -> Result<Vec<k::Input<'a, E>>, RunFault> {
        self.inputs
            .iter()
            .zip(temps)
            .map(|(i, temp)| {
                let Some(strides) = &i.strides else {
                    let step = &values.steps[i.step as usize];
                    let v = number(step, bindings)?;
                    // A number has the precision of its own type before it takes that of the group.
                    let v = if step.dtype == DType::F32 {
                        v as f32 as f64
                    } else {
                        v
                    };
                    return Ok(k::Input::Scalar(v));
                };
                let data = match temp {
                    Some(t) => t.as_slice(),
                    None => E::seen(values.arg(i.step)?.data).unwrap_or(&[]),
                };
                Ok(k::Input::Tensor { data, strides })
            })
            .collect()
    }
}

pub(super) fn reduce_kind(kind: ReduceKind) -> k::Reduce {
    match kind {
        ReduceKind::Sum => k::Reduce::Sum,
        ReduceKind::Max => k::Reduce::Max,
        ReduceKind::Min => k::Reduce::Min,
    }
}

fn operation(op: &Op) -> Option<k::Op> {
    Some(match op {
        Op::Expand | Op::Cast(_) | Op::Stop | Op::Mark(_) => k::Op::Copy,
        Op::Select => k::Op::Select,
        Op::Unary(u) => unary(*u),
        Op::Binary(b) => binary(*b),
        _ => return None,
    })
}

pub(super) fn unary(u: Unary) -> k::Op {
    match u {
        Unary::Neg => k::Op::Neg,
        Unary::Exp => k::Op::Exp,
        Unary::Log => k::Op::Log,
        Unary::Sqrt => k::Op::Sqrt,
        Unary::Abs => k::Op::Abs,
        Unary::Sign => k::Op::Sign,
        Unary::Sin => k::Op::Sin,
        Unary::Cos => k::Op::Cos,
        Unary::Tanh => k::Op::Tanh,
        Unary::Erf => k::Op::Erf,
        Unary::Sigmoid => k::Op::Sigmoid,
        Unary::Round => k::Op::Round,
        Unary::Floor => k::Op::Floor,
        Unary::Ceil => k::Op::Ceil,
        Unary::Relu => k::Op::Relu,
        Unary::Not => k::Op::Not,
    }
}

pub(super) fn binary(b: Binary) -> k::Op {
    match b {
        Binary::Add => k::Op::Add,
        Binary::Sub => k::Op::Sub,
        Binary::Mul => k::Op::Mul,
        Binary::Div => k::Op::Div,
        Binary::Pow => k::Op::Pow,
        Binary::Max => k::Op::Max,
        Binary::Min => k::Op::Min,
        Binary::Lt => k::Op::Lt,
        Binary::Le => k::Op::Le,
        Binary::Gt => k::Op::Gt,
        Binary::Ge => k::Op::Ge,
        Binary::Eq => k::Op::Eq,
        Binary::Ne => k::Op::Ne,
        Binary::And => k::Op::And,
        Binary::Or => k::Op::Or,
    }
}
