//! For each operation, what the gradient of its result gives to its inputs, written in the same operations.
//!
//! Conventions where the derivative is not defined: relu'(0) = 0, abs'(0) = 0, sqrt'(0) = 0 (never infinity, so that a masked
//! or zero norm stays finite); a tie of `max(a, b)` or `min(a, b)` goes to a; ties of a reduction share equally; a pooled
//! maximum is the first in row order. x^b has no gradient for b where x <= 0. Powers of a constant 0 or 1 are exact.

use crate::flat::{Flat, Id};
use crate::{vjp_contract, vjp_layout};
use nas_ir::{Binary, Op, ReduceKind, Unary};

/// Whether a gradient goes from the result to input `k`.
pub(crate) fn passes(op: &Op, k: usize) -> bool {
    match op {
        Op::Leaf | Op::Const(_) | Op::Scalar | Op::Random(_) | Op::Iota => false,
        Op::OneHot { .. } | Op::ArgReduce { .. } | Op::ArgSort | Op::Host(_) | Op::Stop => false,
        Op::Grad { .. } => false,
        Op::Unary(u) => !matches!(
            u,
            Unary::Sign | Unary::Round | Unary::Floor | Unary::Ceil | Unary::Not
        ),
        Op::Binary(b) => matches!(
            b,
            Binary::Add
                | Binary::Sub
                | Binary::Mul
                | Binary::Div
                | Binary::Pow
                | Binary::Max
                | Binary::Min
        ),
        Op::Select => k > 0,
        Op::Surrogate | Op::MaxPoolGrad { .. } | Op::MaxPoolPick { .. } => k == 1,
        Op::Gather { .. } | Op::ScatterAdd { .. } | Op::Pick | Op::Unpick { .. } => k == 0,
        Op::TakeAlong | Op::PutAlong => k == 0,
        Op::Cast(_)
        | Op::Reduce { .. }
        | Op::Reshape
        | Op::Permute(_)
        | Op::Expand
        | Op::Slice { .. }
        | Op::Unslice { .. }
        | Op::Pad { .. }
        | Op::Concat { .. }
        | Op::Contract { .. }
        | Op::Conv { .. }
        | Op::ConvGradInput { .. }
        | Op::ConvGradWeight { .. }
        | Op::AvgPool { .. }
        | Op::AvgPoolGrad { .. }
        | Op::MaxPool { .. }
        | Op::Sort
        | Op::CumSum { .. }
        | Op::Mark(_) => true,
    }
}

/// What the rules of one node see.
pub(crate) struct At<'a> {
    pub net: &'a mut Flat,
    /// The result, and its gradient.
    pub y: Id,
    pub g: Id,
    pub inputs: &'a [Id],
    reach: &'a [bool],
    op: &'a Op,
    given: &'a mut Vec<(Id, Id)>,
}

impl At<'_> {
    /// Whether input `k` wants its gradient.
    pub fn wants(&self, k: usize) -> bool {
        self.inputs
            .get(k)
            .is_some_and(|i| self.reach[*i as usize] && passes(self.op, k))
    }

    /// Gives input `k` its part, summed over what was broadcast.
    pub fn give(&mut self, k: usize, part: Id) {
        let to = self.inputs[k];
        let shape = self.net.shape(to).to_vec();
        let part = self.net.unbroadcast(part, &shape);
        let part = self.net.cast(part, self.net.dtype(to));
        self.given.push((to, part));
    }

    pub fn zero(&mut self) -> Id {
        let dtype = self.net.dtype(self.g);
        self.net.constant(0.0, dtype)
    }
}

/// The parts that the inputs of `n` get of its gradient `g`, appended to `given`.
pub(crate) fn pull(
    net: &mut Flat,
    n: Id,
    g: Id,
    reach: &[bool],
    given: &mut Vec<(Id, Id)>,
) -> Result<(), String> {
    let op = net.nodes[n as usize].op.clone();
    let inputs = net.inputs[n as usize].clone();
    let mut at = At {
        net,
        y: n,
        g,
        inputs: &inputs,
        reach,
        op: &op,
        given,
    };
    if !(0..inputs.len()).any(|k| at.wants(k)) {
        return Ok(());
    }
    match &op {
        Op::Unary(u) => unary(&mut at, *u),
        Op::Binary(b) if inputs.len() == 2 => binary(&mut at, *b),
        Op::Select if inputs.len() == 3 => {
            let zero = at.zero();
            let (c, g) = (inputs[0], at.g);
            if at.wants(1) {
                let part = at.net.select(c, g, zero);
                at.give(1, part);
            }
            if at.wants(2) {
                let part = at.net.select(c, zero, g);
                at.give(2, part);
            }
        }
        Op::Reduce { kind, axes, .. } => reduce(&mut at, *kind, axes),
        Op::Contract {
            inputs: specs,
            output,
        } => vjp_contract::contract(&mut at, specs, output)?,
        Op::Conv { .. }
        | Op::ConvGradInput { .. }
        | Op::ConvGradWeight { .. }
        | Op::AvgPool { .. }
        | Op::AvgPoolGrad { .. }
        | Op::MaxPool { .. }
        | Op::MaxPoolGrad { .. }
        | Op::MaxPoolPick { .. } => vjp_contract::windowed(&mut at, &op)?,
        _ => vjp_layout::layout(&mut at, &op)?,
    }
    Ok(())
}

fn unary(at: &mut At, u: Unary) {
    let (x, y, g) = (at.inputs[0], at.y, at.g);
    let dtype = at.net.dtype(g);
    let net = &mut *at.net;
    let part = match u {
        Unary::Neg => net.neg(g),
        Unary::Exp => net.mul(g, y),
        Unary::Log => net.div(g, x),
        Unary::Sqrt => {
            // The division is by 1 where y is 0, so neither this nor its own derivative meets 0 / 0.
            let one = net.constant(1.0, dtype);
            let zero = net.constant(0.0, dtype);
            let safe = net.select(y, y, one);
            let half = net.scale(g, 0.5);
            let slope = net.div(half, safe);
            net.select(y, slope, zero)
        }
        Unary::Abs => {
            let s = net.unary(Unary::Sign, x);
            net.mul(g, s)
        }
        Unary::Sin => {
            let c = net.unary(Unary::Cos, x);
            net.mul(g, c)
        }
        Unary::Cos => {
            let s = net.unary(Unary::Sin, x);
            let m = net.mul(g, s);
            net.neg(m)
        }
        Unary::Tanh => {
            let one = net.constant(1.0, dtype);
            let square = net.mul(y, y);
            let slope = net.binary(Binary::Sub, one, square);
            net.mul(g, slope)
        }
        Unary::Erf => {
            let square = net.mul(x, x);
            let minus = net.neg(square);
            let bell = net.unary(Unary::Exp, minus);
            let slope = net.scale(bell, std::f64::consts::FRAC_2_SQRT_PI);
            net.mul(g, slope)
        }
        Unary::Sigmoid => {
            let one = net.constant(1.0, dtype);
            let rest = net.binary(Binary::Sub, one, y);
            let slope = net.mul(y, rest);
            net.mul(g, slope)
        }
        Unary::Relu => {
            let zero = net.constant(0.0, dtype);
            net.select(y, g, zero)
        }
        Unary::Sign | Unary::Round | Unary::Floor | Unary::Ceil | Unary::Not => return,
    };
    at.give(0, part);
}

fn binary(at: &mut At, b: Binary) {
    let (l, r, y, g) = (at.inputs[0], at.inputs[1], at.y, at.g);
    let (left, right) = (at.wants(0), at.wants(1));
    match b {
        Binary::Add | Binary::Sub => {
            if left {
                at.give(0, g);
            }
            if right {
                // Summed before it is negated: the sum is the smaller tensor.
                let shape = at.net.shape(r).to_vec();
                let mut part = at.net.unbroadcast(g, &shape);
                if b == Binary::Sub {
                    part = at.net.neg(part);
                }
                at.give(1, part);
            }
        }
        Binary::Mul => {
            if left {
                let part = at.net.mul(g, r);
                at.give(0, part);
            }
            if right {
                let part = at.net.mul(g, l);
                at.give(1, part);
            }
        }
        Binary::Div => {
            let over = at.net.div(g, r);
            if left {
                at.give(0, over);
            }
            if right {
                let m = at.net.mul(over, y);
                let part = at.net.neg(m);
                at.give(1, part);
            }
        }
        Binary::Pow => power(at, left, right),
        Binary::Max | Binary::Min => {
            let order = if b == Binary::Max {
                Binary::Ge
            } else {
                Binary::Le
            };
            let mask = at.net.binary(order, l, r);
            let zero = at.zero();
            if left {
                let part = at.net.select(mask, g, zero);
                at.give(0, part);
            }
            if right {
                let part = at.net.select(mask, zero, g);
                at.give(1, part);
            }
        }
        _ => {}
    }
}

fn power(at: &mut At, left: bool, right: bool) {
    let (x, b, y, g) = (at.inputs[0], at.inputs[1], at.y, at.g);
    let dtype = at.net.dtype(g);
    let fixed = match at.net.nodes[b as usize].op {
        Op::Const(bits) => Some(f64::from_bits(bits)),
        _ => None,
    };
    if left {
        let net = &mut *at.net;
        let part = match fixed {
            Some(0.0) => None,
            Some(1.0) => Some(g),
            Some(2.0) => {
                let m = net.mul(g, x);
                Some(net.scale(m, 2.0))
            }
            Some(c) => {
                let down = net.constant(c - 1.0, dtype);
                let p = net.binary(Binary::Pow, x, down);
                let slope = net.scale(p, c);
                Some(net.mul(g, slope))
            }
            None => {
                // An exponent of 0 has slope 0, also at x = 0 where x^-1 is infinite.
                let one = net.constant(1.0, dtype);
                let safe = net.select(b, b, one);
                let down = net.binary(Binary::Sub, safe, one);
                let p = net.binary(Binary::Pow, x, down);
                let slope = net.mul(b, p);
                Some(net.mul(g, slope))
            }
        };
        if let Some(part) = part {
            at.give(0, part);
        } else {
            let zero = at.net.scale(g, 0.0);
            at.give(0, zero);
        }
    }
    if right {
        let net = &mut *at.net;
        let zero = net.constant(0.0, dtype);
        let one = net.constant(1.0, dtype);
        let above = net.binary(Binary::Gt, x, zero);
        let safe = net.select(above, x, one);
        let log = net.unary(Unary::Log, safe);
        let slope = net.mul(y, log);
        let slope = net.select(above, slope, zero);
        let part = net.mul(g, slope);
        at.give(1, part);
    }
}

fn reduce(at: &mut At, kind: ReduceKind, axes: &[usize]) {
    let (x, y, g) = (at.inputs[0], at.y, at.g);
    let full = at.net.shape(x).to_vec();
    let mut kept = full.clone();
    for a in axes {
        kept[*a] = 1;
    }
    let net = &mut *at.net;
    let wide = net.reshape(g, &kept);
    let part = match kind {
        ReduceKind::Sum => net.expand(wide, &full),
        ReduceKind::Max | ReduceKind::Min => {
            let best = net.reshape(y, &kept);
            let mask = net.binary(Binary::Eq, x, best);
            let ties = net.sum(mask, axes.to_vec(), true);
            let share = net.div(wide, ties);
            net.mul(mask, share)
        }
    };
    at.give(0, part);
}
