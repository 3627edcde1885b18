//! What a generating function carries for each cost: counts, sums, ends, as a commutative semiring.

use std::ops::AddAssign;

use num_bigint::{BigInt, BigUint};
use num_traits::{One, Zero};

/// What is carried for each cost value: a commutative semiring.
pub(crate) trait Coef: Clone {
    fn none() -> Self;
    fn unit() -> Self;
    fn add(&mut self, other: &Self);
    fn mul(&self, other: &Self) -> Self;
    /// The weight of a partial member with this cost; 1 where the coefficient only counts.
    fn weigh(_cost: i128) -> Self {
        Self::unit()
    }
    /// The same as a short count, and back; `None` where it is none.
    fn short(&self) -> Option<u64> {
        None
    }
    fn long(_count: u64) -> Self {
        Self::none()
    }
    /// Adds `a * b`.
    fn fma(&mut self, a: &Self, b: &Self) {
        self.add(&a.mul(b));
    }
}

/// A coefficient that counts, so that members can be ranked by it.
pub(crate) trait Count: Coef + Ord + Send + Sync {
    fn is_none(&self) -> bool;
    fn sub(&mut self, other: &Self);
    fn div_rem(&self, by: &Self) -> (Self, Self);
    fn big(&self) -> BigUint;
    fn from_big(n: &BigUint) -> Self;
}

impl Coef for u128 {
    fn short(&self) -> Option<u64> {
        u64::try_from(*self).ok()
    }
    fn long(count: u64) -> Self {
        count.into()
    }
    fn none() -> Self {
        0
    }
    fn unit() -> Self {
        1
    }
    fn add(&mut self, other: &Self) {
        *self += other;
    }
    fn mul(&self, other: &Self) -> Self {
        self * other
    }
}
impl Count for u128 {
    fn is_none(&self) -> bool {
        *self == 0
    }
    fn sub(&mut self, other: &Self) {
        *self -= other;
    }
    fn div_rem(&self, by: &Self) -> (Self, Self) {
        // Most divisions are small, and the short one is several times faster.
        match (u64::try_from(*self), u64::try_from(*by)) {
            (Ok(a), Ok(b)) => ((a / b) as u128, (a % b) as u128),
            _ => (self / by, self % by),
        }
    }
    fn big(&self) -> BigUint {
        (*self).into()
    }
    fn from_big(n: &BigUint) -> Self {
        u128::try_from(n).unwrap_or(u128::MAX)
    }
}

impl Coef for BigUint {
    fn none() -> Self {
        Zero::zero()
    }
    fn unit() -> Self {
        One::one()
    }
    fn add(&mut self, other: &Self) {
        *self += other;
    }
    fn mul(&self, other: &Self) -> Self {
        self * other
    }
}
impl Count for BigUint {
    fn is_none(&self) -> bool {
        Zero::is_zero(self)
    }
    fn sub(&mut self, other: &Self) {
        *self -= other;
    }
    fn div_rem(&self, by: &Self) -> (Self, Self) {
        (self / by, self % by)
    }
    fn big(&self) -> BigUint {
        self.clone()
    }
    fn from_big(n: &BigUint) -> Self {
        n.clone()
    }
}

/// Count, sum, least and largest cost of a set of partial members; `N` is wide enough for the sums.
#[derive(Clone, Debug)]
pub(crate) struct Moments<N> {
    pub count: N,
    pub sum: N,
    pub range: Option<(i128, i128)>,
}

/// A signed integer that sums of costs are kept in.
pub(crate) trait Wide:
    Clone + Zero + One + From<i128> + for<'a> AddAssign<&'a Self>
{
    fn times(&self, other: &Self) -> Self;
}
impl Wide for i128 {
    fn times(&self, other: &Self) -> Self {
        self * other
    }
}
impl Wide for BigInt {
    fn times(&self, other: &Self) -> Self {
        self * other
    }
}

impl<N: Wide> Coef for Moments<N> {
    fn none() -> Self {
        Self {
            count: N::zero(),
            sum: N::zero(),
            range: None,
        }
    }
    fn unit() -> Self {
        Self::weigh(0)
    }
    fn weigh(cost: i128) -> Self {
        Self {
            count: N::one(),
            sum: cost.into(),
            range: Some((cost, cost)),
        }
    }
    fn add(&mut self, other: &Self) {
        self.count += &other.count;
        self.sum += &other.sum;
        self.range = Range(self.range).join(other.range);
    }
    fn mul(&self, other: &Self) -> Self {
        let mut sum = self.sum.times(&other.count);
        sum += &other.sum.times(&self.count);
        Self {
            count: self.count.times(&other.count),
            sum,
            range: Range(self.range).mul(&Range(other.range)).0,
        }
    }
}

/// Least and largest cost only; `None` for no member.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range(pub Option<(i128, i128)>);

impl Range {
    fn join(self, other: Option<(i128, i128)>) -> Option<(i128, i128)> {
        match (self.0, other) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        }
    }
}

impl Coef for Range {
    fn none() -> Self {
        Self(None)
    }
    fn unit() -> Self {
        Self(Some((0, 0)))
    }
    fn weigh(cost: i128) -> Self {
        Self(Some((cost, cost)))
    }
    fn add(&mut self, other: &Self) {
        self.0 = self.join(other.0);
    }
    fn mul(&self, other: &Self) -> Self {
        Self(self.0.zip(other.0).map(|(a, b)| (a.0 + b.0, a.1 + b.1)))
    }
}
