//! Sums that follow from other sums: what is constant along the summed axes goes outside, and a sum over a sum is put
//! together from its parts' sums where that takes no more passes over memory.
//!
//! A gradient of a normalisation asks for the sums of `g`, `x g` and `a g + b x` over the same axes, with `a` and `b` one value
//! a channel: two passes give all three.

use crate::flat::{Id, Inputs, broadcast};
use crate::lean::Lean;
use nas_ir::{Binary, DType, Op, ReduceKind, Unary};

/// Operations looked through, at most, one within the other.
const DEPTH: usize = 8;
/// Large factors of a product, at most.
const LARGE: usize = 4;

/// What is summed: the axes (of extents above 1), the shape they belong to.
struct Sums<'a> {
    axes: &'a [usize],
    full: &'a [usize],
    dtype: DType,
}

/// How a sum is had.
enum Plan {
    /// The sum of the product of these, over memory if it is not there yet.
    Pass(Inputs),
    /// What has one value along the summed axes, as often as they are long.
    Same(Id),
    Scaled(Box<Plan>, Factors),
    Both(Binary, Box<Plan>, Box<Plan>),
}

/// A product: its sign, factors and divisors with one value along the summed axes, and the others.
#[derive(Default)]
struct Factors {
    negative: bool,
    over: Inputs,
    under: Inputs,
    large: Inputs,
}

impl Factors {
    fn plain(&self) -> bool {
        !self.negative && self.over.is_empty() && self.under.is_empty()
    }

    fn add(&mut self, other: Factors) {
        self.negative ^= other.negative;
        self.over.extend(other.over);
        self.under.extend(other.under);
        self.large.extend(other.large);
    }
}

/// The sum of `x` over `axes`, their extents as 1; none where it is as well taken as it stands.
pub(crate) fn sum(lean: &mut Lean, x: Id, axes: &[usize], dtype: DType) -> Option<Id> {
    if dtype == DType::I32 {
        return None;
    }
    let full = lean.shape(x).to_vec();
    let sums = Sums {
        axes,
        full: &full,
        dtype,
    };
    if sums.known(lean, &[x]).is_some() {
        return None;
    }
    let plan = sums.plan(lean, x, DEPTH);
    let same = matches!(&plan, Plan::Pass(of) if of[..] == [x]);
    let passes = sums.passes(lean, &plan);
    // A number goes outside only where that saves a pass: the product may be needed as it stands.
    let number = |n: &Id| lean.uniform(*n).is_some();
    let numbers = matches!(&plan, Plan::Scaled(_, f) if f.over.iter().chain(&f.under).all(number));
    if same || !sums.fits(lean, &plan) || passes > 1 || passes == 1 && numbers {
        return None;
    }
    let y = sums.build(lean, &plan);
    Some(lean.expand(y, &sums.kept(&full)))
}

impl Sums<'_> {
    /// A shape with 1 for the summed axes.
    fn kept(&self, shape: &[usize]) -> Vec<usize> {
        let mut kept = shape.to_vec();
        self.axes.iter().for_each(|a| kept[*a] = 1);
        kept
    }

    /// Whether a value is the same all along the summed axes.
    fn small(&self, lean: &Lean, n: Id) -> bool {
        let shape = lean.shape(n);
        let lead = self.full.len().saturating_sub(shape.len());
        self.axes.iter().all(|a| *a < lead || shape[*a - lead] == 1)
    }

    /// Whether a value runs along all of the summed axes.
    fn whole(&self, shape: &[usize]) -> bool {
        shape.len() == self.full.len() && self.axes.iter().all(|a| shape[*a] == self.full[*a])
    }

    fn factors(&self, lean: &Lean, n: Id, depth: usize) -> Factors {
        let mut f = Factors::default();
        let part = |f: &mut Factors, x: Id| {
            let x = lean.strip(x);
            if self.small(lean, x) {
                f.over.push(x);
                return;
            }
            // A product of large values alone stays one: others may have it.
            let inner = match depth {
                0 => Factors::default(),
                _ => self.factors(lean, x, depth - 1),
            };
            match inner.plain() {
                true => f.large.push(x),
                false => f.add(inner),
            }
        };
        match lean.look(n) {
            Some((Op::Binary(Binary::Mul), [l, r])) => {
                part(&mut f, *l);
                part(&mut f, *r);
            }
            Some((Op::Binary(Binary::Div), [l, r])) if self.small(lean, lean.strip(*r)) => {
                f.under.push(lean.strip(*r));
                part(&mut f, *l);
            }
            Some((Op::Unary(Unary::Neg), [x])) => {
                f.negative = true;
                part(&mut f, *x);
            }
            _ => {}
        }
        if f.plain() || f.large.len() > LARGE || f.large.is_empty() {
            return Factors {
                large: [n].into_iter().collect(),
                ..Factors::default()
            };
        }
        f.large.sort_unstable();
        f
    }

    fn plan(&self, lean: &Lean, x: Id, depth: usize) -> Plan {
        let x = lean.strip(x);
        if self.small(lean, x) {
            return Plan::Same(x);
        }
        let pass = Plan::Pass([x].into_iter().collect());
        if depth == 0 || !self.whole(lean.shape(x)) || self.known(lean, &[x]).is_some() {
            return pass;
        }
        if let Some((Op::Binary(b @ (Binary::Add | Binary::Sub)), [l, r])) = lean.look(x) {
            // Two large values that cancel are better summed after than before: one of them has to be scaled.
            let scaled = |n: Id| {
                let n = lean.strip(n);
                self.small(lean, n) || !self.factors(lean, n, DEPTH).plain()
            };
            if scaled(*l) || scaled(*r) {
                let both = [
                    self.plan(lean, *l, depth - 1),
                    self.plan(lean, *r, depth - 1),
                ];
                let all: usize = both.iter().map(|p| self.passes(lean, p)).sum();
                let [l, r] = both.map(Box::new);
                if all <= 1 && self.fits(lean, &l) && self.fits(lean, &r) {
                    return Plan::Both(*b, l, r);
                }
            }
            return pass;
        }
        let f = self.factors(lean, x, DEPTH);
        if f.plain() {
            return pass;
        }
        let inner = match f.large[..] {
            [one] => self.plan(lean, one, depth - 1),
            _ => Plan::Pass(f.large.clone()),
        };
        match self.fits(lean, &inner) {
            true => Plan::Scaled(Box::new(inner), f),
            false => pass,
        }
    }

    /// Whether what a plan sums over memory runs along all of the axes.
    fn fits(&self, lean: &Lean, plan: &Plan) -> bool {
        match plan {
            Plan::Pass(of) => self.whole(&product(lean, of)),
            Plan::Same(_) => true,
            Plan::Scaled(p, _) => self.fits(lean, p),
            Plan::Both(_, l, r) => self.fits(lean, l) && self.fits(lean, r),
        }
    }

    /// Sums over memory that a plan adds.
    fn passes(&self, lean: &Lean, plan: &Plan) -> usize {
        match plan {
            Plan::Pass(of) => usize::from(self.known(lean, of).is_none()),
            Plan::Same(_) => 0,
            Plan::Scaled(p, _) => self.passes(lean, p),
            Plan::Both(_, l, r) => self.passes(lean, l) + self.passes(lean, r),
        }
    }

    /// The sum of a product that is there already.
    fn known(&self, lean: &Lean, of: &[Id]) -> Option<Id> {
        let (first, rest) = of.split_first()?;
        let (mut x, mut shape) = (*first, lean.shape(*first).to_vec());
        for f in rest {
            shape = broadcast(&shape, lean.shape(*f));
            let inputs = [x.min(*f), x.max(*f)];
            x = lean.find(&Op::Binary(Binary::Mul), &shape, self.dtype, &inputs)?;
        }
        if shape.len() != self.full.len() {
            return None;
        }
        let kept = self.kept(&shape);
        let gone = shape
            .iter()
            .enumerate()
            .filter(|(i, _)| !self.axes.contains(i));
        let gone: Vec<usize> = gone.map(|(_, d)| *d).collect();
        lean.find(&self.op(true), &kept, self.dtype, &[x])
            .or_else(|| lean.find(&self.op(false), &gone, self.dtype, &[x]))
    }

    fn op(&self, keep: bool) -> Op {
        Op::Reduce {
            kind: ReduceKind::Sum,
            axes: self.axes.to_vec(),
            keep,
        }
    }

    fn build(&self, lean: &mut Lean, plan: &Plan) -> Id {
        match plan {
            Plan::Pass(of) => {
                let shape = self.kept(&product(lean, of));
                if let Some(known) = self.known(lean, of) {
                    return lean.reshape(known, &shape);
                }
                let mut x = of[0];
                for f in &of[1..] {
                    x = self.apply(lean, Binary::Mul, x, *f);
                }
                lean.keep(self.op(true), &shape, self.dtype, &[x])
            }
            Plan::Same(x) => {
                let long: usize = self.axes.iter().map(|a| self.full[*a]).product();
                let long = lean.fill(long as f64, &[], self.dtype);
                self.apply(lean, Binary::Mul, *x, long)
            }
            Plan::Scaled(inner, f) => {
                let mut y = self.build(lean, inner);
                for o in &f.over {
                    y = self.apply(lean, Binary::Mul, y, *o);
                }
                for u in &f.under {
                    y = self.apply(lean, Binary::Div, y, *u);
                }
                if f.negative {
                    let shape = lean.shape(y).to_vec();
                    y = lean.make(Op::Unary(Unary::Neg), &shape, self.dtype, &[y]);
                }
                y
            }
            Plan::Both(b, l, r) => {
                let (l, r) = (self.build(lean, l), self.build(lean, r));
                self.apply(lean, *b, l, r)
            }
        }
    }

    fn apply(&self, lean: &mut Lean, b: Binary, l: Id, r: Id) -> Id {
        let shape = broadcast(lean.shape(l), lean.shape(r));
        lean.make(Op::Binary(b), &shape, self.dtype, &[l, r])
    }
}

/// The shape of a product.
fn product(lean: &Lean, of: &[Id]) -> Vec<usize> {
    of.iter()
        .fold(vec![], |shape, f| broadcast(&shape, lean.shape(*f)))
}
