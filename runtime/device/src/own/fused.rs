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

/// A fused group, with its register programs.
#[derive(Debug)]
pub(super) struct Fused {
    dtype: DType,
    shape: Vec<usize>,
    /// Writes `outputs`.
    writes: Option<Part>,
    outputs: Vec<u32>,
    /// Reduces one value: kind, which axes go, the step of the result.
    reduce: Option<(Part, k::Reduce, Vec<bool>, u32)>,
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
        let dtype = steps[*members.first()? as usize].dtype;
        let writes = if outputs.is_empty() {
            None
        } else {
            Some(Part::new(steps, &f.shape, &members, &outputs, &[])?)
        };
        let reduce = match &f.reduce {
            None => None,
            Some((kind, axes, node)) => {
                let end = find(*node)?;
                let from = *steps[end as usize].inputs.first()?;
                // What was written above is read again, not computed again.
                let part = Part::new(steps, &f.shape, &members, &[from], &outputs)?;
                let mask = (0..f.shape.len()).map(|i| axes.contains(&i)).collect();
                Some((part, reduce_kind(*kind), mask, end))
            }
        };
        Some(Fused {
            dtype,
            shape: f.shape.clone(),
            writes,
            outputs,
            reduce,
        })
    }

    /// What it does, in a word.
    pub(super) fn name(&self) -> &'static str {
        match (&self.writes, &self.reduce) {
            (None, Some(_)) => "point-wise, reduced",
            (Some(_), Some(_)) => "point-wise, kept and reduced",
            _ => "point-wise",
        }
    }

    /// The space it runs over.
    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The steps it reads from memory.
    pub(super) fn reads(&self) -> impl Iterator<Item = u32> + '_ {
        let parts = self.writes.iter().chain(self.reduce.iter().map(|r| &r.0));
        parts
            .flat_map(|p| &p.inputs)
            .filter(|i| i.strides.is_some())
            .map(|i| i.step)
    }

    /// The steps it leaves in memory.
    pub(super) fn writes(&self) -> impl Iterator<Item = u32> + '_ {
        let end = self.reduce.iter().map(|r| r.3);
        self.outputs.iter().copied().chain(end)
    }

    pub(super) fn run(
        &self,
        values: &mut Values<'_>,
        pool: &mut Pool,
        bindings: &Bindings,
    ) -> Result<(), RunFault> {
        let n = count(&self.shape);
        if let Some(part) = &self.writes {
            let mut out: Vec<Buffer> = (0..self.outputs.len())
                .map(|_| pool.take(self.dtype, n))
                .collect();
            let refuse = |e| refused(&values.steps[self.outputs[0] as usize], e);
            match self.dtype {
                DType::F64 => {
                    let temps = part.temps::<f64>(values)?;
                    let inputs = part.inputs::<f64>(values, &temps, bindings)?;
                    let mut to: Vec<&mut [f64]> =
                        out.iter_mut().filter_map(Seen::written).collect();
                    k::run_fused(&part.program, &self.shape, &inputs, &mut to).map_err(refuse)?;
                }
                _ => {
                    let temps = part.temps::<f32>(values)?;
                    let inputs = part.inputs::<f32>(values, &temps, bindings)?;
                    let mut to: Vec<&mut [f32]> =
                        out.iter_mut().filter_map(Seen::written).collect();
                    k::run_fused(&part.program, &self.shape, &inputs, &mut to).map_err(refuse)?;
                }
            }
            for (o, b) in self.outputs.iter().zip(out) {
                values.data[*o as usize] = Some(b.into_data());
            }
        }
        if let Some((part, kind, mask, end)) = &self.reduce {
            let step = &values.steps[*end as usize];
            let mut out = pool.take(self.dtype, count(&step.shape));
            let refuse = |e| refused(step, e);
            match &mut out {
                Buffer::F64(o) => {
                    let temps = part.temps::<f64>(values)?;
                    let inputs = part.inputs::<f64>(values, &temps, bindings)?;
                    k::run_fused_reduce(&part.program, &self.shape, &inputs, mask, *kind, &mut [o])
                        .map_err(refuse)?;
                }
                Buffer::F32(o) => {
                    let temps = part.temps::<f32>(values)?;
                    let inputs = part.inputs::<f32>(values, &temps, bindings)?;
                    k::run_fused_reduce(&part.program, &self.shape, &inputs, mask, *kind, &mut [o])
                        .map_err(refuse)?;
                }
                Buffer::I32(_) => {}
            }
            values.data[*end as usize] = Some(out.into_data());
        }
        Ok(())
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
    /// The program that gives `wanted`; `have` are members that are in memory already.
    fn new(
        steps: &[Step],
        shape: &[usize],
        members: &[u32],
        wanted: &[u32],
        have: &[u32],
    ) -> Option<Part> {
        let mut needed: Vec<u32> = vec![];
        let mut stack = wanted.to_vec();
        let inside = |s: u32| members.contains(&s) && !have.contains(&s);
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
