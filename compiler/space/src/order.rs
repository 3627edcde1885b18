//! In which order generating functions are multiplied, and how they are split in two: sizes guessed from extents and common divisors.

/// What is known of a generating function before it is multiplied.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extent {
    pub terms: u64,
    /// Least and largest key.
    pub low: u128,
    pub high: u128,
    /// All keys are `low` and a multiple of this; 0 for one term.
    pub step: u128,
}

/// Entries of an accumulator that is addressed by key; above this a map takes over, at about fifty times the price.
pub(crate) const DENSE: u128 = 1 << 24;
pub(crate) const HASHED: u64 = 50;

impl Extent {
    /// The product's extent, where keys above `cap` are left out.
    fn times(&self, other: &Self, cap: u128) -> Self {
        let low = self.low.saturating_add(other.low);
        let high = self.high.saturating_add(other.high).min(cap).max(low);
        let step = gcd(self.step, other.step);
        let pairs = self.terms.saturating_mul(other.terms);
        let places = (high - low) / step.max(1) + 1;
        Self {
            terms: pairs.min(u64::try_from(places).unwrap_or(u64::MAX)),
            low,
            high,
            step,
        }
    }

    /// Multiply-adds that making the product with `other` takes, roughly.
    fn work(&self, other: &Self, cap: u128) -> f64 {
        let out = self.times(other, cap);
        let pairs = self.terms as f64 * other.terms as f64;
        let places = (out.high - out.low) / out.step.max(1);
        if places < DENSE {
            pairs + places as f64
        } else {
            pairs * HASHED as f64
        }
    }
}

/// Pairs to multiply one after the other: the product takes the place of the first, the last one that of the second.
pub(crate) struct Order {
    pub pairs: Vec<(usize, usize)>,
    /// Multiply-adds in all.
    pub work: f64,
    pub out: Extent,
}

/// The pair with the smallest product first.
pub(crate) fn order(parts: &[Extent], cap: u128) -> Order {
    let mut left = parts.to_vec();
    let mut pairs = Vec::new();
    let mut work = 0.0;
    while left.len() > 1 {
        let (i, j) = match left.len() {
            ..=COMPARED => cheapest(&left, cap),
            _ => smallest(&left),
        };
        work += left[i].work(&left[j], cap);
        let out = left[i].times(&left[j], cap);
        left.swap_remove(j);
        left[i] = out;
        pairs.push((i, j));
    }
    Order {
        pairs,
        work,
        out: left.first().copied().unwrap_or_default(),
    }
}

/// Up to this many parts every pair is looked at.
const COMPARED: usize = 24;

/// The pair with the cheapest and smallest product.
fn cheapest(left: &[Extent], cap: u128) -> (usize, usize) {
    let mut best = (f64::INFINITY, 0, 1);
    for i in 0..left.len() {
        for j in i + 1..left.len() {
            let size = left[i].times(&left[j], cap).terms as f64;
            let w = left[i].work(&left[j], cap);
            if size + w < best.0 {
                best = (size + w, i, j);
            }
        }
    }
    (best.1, best.2)
}

/// The two parts with fewest terms.
fn smallest(left: &[Extent]) -> (usize, usize) {
    let (mut a, mut b) = (0, 1);
    if left[b].terms < left[a].terms {
        (a, b) = (b, a);
    }
    for (i, p) in left.iter().enumerate().skip(2) {
        if p.terms < left[a].terms {
            (a, b) = (i, a);
        } else if p.terms < left[b].terms {
            b = i;
        }
    }
    (a.min(b), a.max(b))
}

/// Up to this many parts every split is tried.
const TRIED: usize = 9;

/// Which parts form the first of two halves, so that both products together are cheap: the full product is never made.
pub(crate) fn split(parts: &[Extent], cap: u128) -> Vec<bool> {
    // Of many parts the smallest products are put together first, and stay together.
    let mut groups: Vec<(Vec<usize>, Extent)> = parts
        .iter()
        .enumerate()
        .map(|(i, p)| (vec![i], *p))
        .collect();
    groups.sort_by_key(|g| std::cmp::Reverse(g.1.terms));
    while groups.len() > TRIED {
        let (Some((members, extent)), Some(mut last)) = (groups.pop(), groups.pop()) else {
            break;
        };
        last.0.extend(members);
        last.1 = last.1.times(&extent, cap);
        let at = groups.partition_point(|g| g.1.terms >= last.1.terms);
        groups.insert(at, last);
    }
    let mut best = (f64::INFINITY, 0usize);
    let n = groups.len();
    for set in 0..1usize << n.saturating_sub(1) {
        let side = |of: bool| -> Vec<Extent> {
            (0..n)
                .filter(|i| (set >> i & 1 == 1) == of)
                .map(|i| groups[i].1)
                .collect()
        };
        let (a, b) = (order(&side(true), cap), order(&side(false), cap));
        // Going along an entry, and keeping it, is dearer than adding to it.
        let cost = a.work + b.work + 8.0 * (a.out.terms as f64 + b.out.terms as f64);
        if cost < best.0 {
            best = (cost, set);
        }
    }
    let mut first = vec![false; parts.len()];
    for (i, g) in groups.iter().enumerate() {
        for m in &g.0 {
            first[*m] = best.1 >> i & 1 == 1;
        }
    }
    first
}

/// The greatest common divisor; short where both fit in 64 bits.
pub(crate) fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = match (u64::try_from(a), u64::try_from(b)) {
            (Ok(x), Ok(y)) => (b, (x % y).into()),
            _ => (b, a % b),
        };
    }
    a
}
