//! Fused element-wise programs over a broadcast space, with an optional reduction at the end.
//!
//! A program is executed tile by tile, so that values between its instructions stay in the first cache.

mod engine;
mod math;
mod ops;
mod prepare;
mod reduce;
mod space;

use crate::elem::Elem;
use crate::error::{KernelError, need, product};
use crate::team::{Places, ranges, share};
use engine::{Engine, Node};
pub(crate) use math::Math;
pub use ops::Op;
pub use reduce::{Reduce, run_fused_reduce};
use space::{AXES, Space};

/// One instruction: `dst = op(args)`; arguments beyond the operation's arity are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instr {
    /// What to compute.
    pub op: Op,
    /// Registers read.
    pub args: [u16; 3],
    /// Register written; not one of the inputs'.
    pub dst: u16,
}

impl Instr {
    /// An instruction from as many arguments as the operation takes.
    pub fn new(op: Op, args: &[u16], dst: u16) -> Instr {
        let mut a = [0; 3];
        for (to, &from) in a.iter_mut().zip(args) {
            *to = from;
        }
        Instr { op, args: a, dst }
    }
}

/// A checked program. Registers `0..inputs` hold the inputs; a register may be written more than once.
#[derive(Clone, Debug)]
pub struct Program {
    inputs: usize,
    /// Per instruction: the operation and the values it takes; value `inputs + i` is what instruction `i` gives.
    code: Vec<(Op, [usize; 3])>,
    /// The values given out.
    outputs: Vec<usize>,
}

impl Program {
    /// Checks that every register is written before it is read, and no input is overwritten.
    pub fn new(inputs: usize, instrs: &[Instr], outputs: &[u16]) -> Result<Program, KernelError> {
        let mut holds: Vec<Option<usize>> = (0..inputs).map(Some).collect();
        let find = |holds: &[Option<usize>], r: u16| {
            holds
                .get(usize::from(r))
                .copied()
                .flatten()
                .ok_or(KernelError(
                    "a program reads a register before it is written",
                ))
        };
        let mut code = Vec::with_capacity(instrs.len());
        for (i, instr) in instrs.iter().enumerate() {
            let mut args = [usize::MAX; 3];
            for (to, &r) in args.iter_mut().zip(&instr.args).take(instr.op.arity()) {
                *to = find(&holds, r)?;
            }
            let dst = usize::from(instr.dst);
            need(dst >= inputs, "a program writes over an input")?;
            if holds.len() <= dst {
                holds.resize(dst + 1, None);
            }
            holds[dst] = Some(inputs + i);
            code.push((instr.op, args));
        }
        let outputs: Vec<usize> = outputs
            .iter()
            .map(|&r| find(&holds, r))
            .collect::<Result<_, _>>()?;
        join(inputs, &mut code, &outputs);
        Ok(Program {
            inputs,
            code,
            outputs,
        })
    }

    /// A program without instructions that gives out its one input.
    pub fn identity() -> Program {
        Program {
            inputs: 1,
            code: Vec::new(),
            outputs: vec![0],
        }
    }

    /// Roughly how much it does at a place.
    fn work(&self) -> usize {
        let heavy = |op: &Op| !matches!(op.arity(), 2 | 3) || *op == Op::Pow;
        let each = |(op, _): &(Op, [usize; 3])| if heavy(op) { 4 } else { 1 };
        (2 + self.code.iter().map(each).sum::<usize>()).div_ceil(4)
    }

    /// How many inputs it takes.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// How many outputs it gives.
    pub fn outputs(&self) -> usize {
        self.outputs.len()
    }
}

/// A product that only a sum takes is computed with it; the place where it stood stays, unused.
fn join(inputs: usize, code: &mut [(Op, [usize; 3])], outputs: &[usize]) {
    let mut users = vec![0usize; inputs + code.len()];
    let args = code.iter().flat_map(|(op, args)| &args[..op.arity()]);
    args.chain(outputs).for_each(|a| users[*a] += 1);
    for i in 0..code.len() {
        let (Op::Add, [a, b, _]) = code[i] else {
            continue;
        };
        let lone = |v: usize| {
            let (op, args) = *code.get(v.checked_sub(inputs)?)?;
            (op == Op::Mul && users[v] == 1).then_some(args)
        };
        let joined = match (lone(a), lone(b)) {
            (Some([x, y, _]), _) => [x, y, b],
            (_, Some([x, y, _])) => [x, y, a],
            _ => continue,
        };
        code[i] = (Op::MulAdd, joined);
    }
}

/// An input of a fused program, seen through the iteration space.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a, E> {
    /// Elements with one stride per axis of the space, 0 along an axis of broadcast. No stride is negative.
    Tensor {
        /// The elements.
        data: &'a [E],
        /// Distance of neighbours along each axis.
        strides: &'a [isize],
    },
    /// One value for all places.
    Scalar(f64),
}

/// The joined space, the kind of each of its axes, and the nodes.
type Ready<E> = (Space, Vec<bool>, Vec<Node<E>>);

/// The inputs as nodes over the coalesced space; `keep` bars axes of different kinds from coalescing.
fn nodes<E: Elem>(
    program: &Program,
    shape: &[usize],
    inputs: &[Input<'_, E>],
    mask: &[bool],
) -> Result<Ready<E>, KernelError> {
    need(
        inputs.len() == program.inputs,
        "a fused program got another number of inputs",
    )?;
    let all: Vec<Option<(&[E], &[isize])>> = inputs
        .iter()
        .map(|i| match *i {
            Input::Tensor { data, strides } => Some((data, strides)),
            Input::Scalar(_) => None,
        })
        .collect();
    let (space, kinds, strides) = Space::coalesce(shape, &all, mask)?;
    let mut nodes = Vec::with_capacity(inputs.len() + program.code.len());
    for (input, strides) in inputs.iter().zip(strides) {
        nodes.push(match *input {
            Input::Tensor { data, .. } => Node::Input(data.as_ptr(), strides),
            Input::Scalar(x) => Node::Scalar(E::of(x)),
        });
    }
    for &(op, args) in &program.code {
        nodes.push(Node::Apply(op, args));
    }
    Ok((space, kinds, nodes))
}

/// Runs a program at every place of `shape` (row-major); output `i` is contiguous of that shape.
///
/// Axes of length 1 and axes that lie together in every input are joined first; at most 8 may remain.
pub fn run_fused<E: Elem>(
    program: &Program,
    shape: &[usize],
    inputs: &[Input<'_, E>],
    outputs: &mut [&mut [E]],
) -> Result<(), KernelError> {
    let total = product(shape)?;
    need(
        outputs.len() == program.outputs.len(),
        "a fused program got another number of outputs",
    )?;
    need(
        outputs.iter().all(|o| o.len() == total),
        "an output of a fused program has another size than its space",
    )?;
    let (space, _, nodes) = nodes(program, shape, inputs, &[])?;
    if total == 0 {
        return Ok(());
    }
    let into: Vec<Places<E>> = outputs.iter_mut().map(|o| Places::new(o)).collect();
    let rows = space.dims[0];
    let each = total / rows;
    let some = share(rows, each * program.work(), 1);
    let nodes = Shared(nodes);
    ranges(rows, some, &|first, len| {
        let mut at: Vec<*mut E> = into.iter().map(|p| p.at(first * each)).collect();
        // SAFETY: `nodes` has checked that every input reaches all of the space; outputs hold `total` elements each, are
        // exclusive, and apart from each other and the inputs; parts have rows of their own.
        unsafe {
            let (nodes, space) = nodes.part(&space, first, len);
            Engine::new(nodes, space, &program.outputs).write(&mut at);
        }
    });
    Ok(())
}

/// The nodes of a program, for all parts of its space.
struct Shared<E>(Vec<Node<E>>);

// SAFETY: the addresses in nodes are only read from, and stay valid while the kernel runs.
unsafe impl<E: Elem> Sync for Shared<E> {}

impl<E: Elem> Shared<E> {
    /// The program over `len` places of the first axis, from `first` on.
    ///
    /// # Safety
    /// They lie in the space that the nodes were made for.
    unsafe fn part(&self, space: &Space, first: usize, len: usize) -> (Vec<Node<E>>, Space) {
        let drop = len == 1 && space.rank > 1;
        let shift = |node: &Node<E>| match *node {
            Node::Input(p, strides) => {
                let p = p.add(first * strides[0]);
                let mut strides = strides;
                if drop {
                    strides.rotate_left(1);
                    strides[AXES - 1] = 0;
                }
                Node::Input(p, strides)
            }
            other => other,
        };
        let mut part = if drop { space.part(1) } else { *space };
        if !drop {
            part.dims[0] = len;
        }
        (self.0.iter().map(shift).collect(), part)
    }
}
