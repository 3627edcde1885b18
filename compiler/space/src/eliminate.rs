//! Bucket elimination: sums a product of factors over the sites, one site at a time.

use std::sync::Arc;

use crate::coef::Coef;
use crate::error::TooHard;
use crate::model::SiteId;
use crate::order::{Extent, order, split};
use crate::poly::{Budget, Over, Poly};
use crate::problem::{Kind, Problem};

/// How a product was put together, so that its members can be found again.
pub(crate) enum Tree<C> {
    /// No message: the key is 0.
    Unit,
    /// The message of one bucket (at the row that the scope picks).
    Leaf { bucket: usize, poly: Arc<Poly<C>> },
    /// The product of a tree and a leaf.
    Node {
        left: Box<Tree<C>>,
        right: Box<Tree<C>>,
        poly: Arc<Poly<C>>,
    },
}

impl<C: Coef> Tree<C> {
    pub fn poly(&self) -> Arc<Poly<C>> {
        match self {
            Self::Unit => Arc::new(Poly::term(0, C::unit())),
            Self::Leaf { poly, .. } | Self::Node { poly, .. } => poly.clone(),
        }
    }

    /// The product of messages: `None` if it is zero.
    pub fn product(
        parts: Vec<(usize, Arc<Poly<C>>)>,
        problem: &Problem,
        budget: &Budget,
    ) -> Result<Option<Self>, Over> {
        if parts.iter().any(|p| p.1.len() == 0) {
            return Ok(None);
        }
        let mut trees: Vec<Self> = parts
            .into_iter()
            .map(|(bucket, poly)| Self::Leaf { bucket, poly })
            .collect();
        for (i, j) in order(&shapes(&trees), problem.keys.cap()).pairs {
            let right = trees.swap_remove(j);
            let left = std::mem::replace(&mut trees[i], Self::Unit);
            let poly = left.poly().mul(&right.poly(), &problem.keys, budget)?;
            if poly.len() == 0 {
                return Ok(None);
            }
            trees[i] = Self::Node {
                left: Box::new(left),
                right: Box::new(right),
                poly: Arc::new(poly),
            };
        }
        Ok(Some(trees.pop().unwrap_or(Self::Unit)))
    }
}

fn shapes<C: Coef>(trees: &[Tree<C>]) -> Vec<Extent> {
    match trees {
        // Where there is nothing to order, nothing is looked at.
        [] | [_] | [_, _] => vec![Extent::default(); trees.len()],
        _ => trees.iter().map(|t| t.poly().extent()).collect(),
    }
}

/// For one row of a bucket, one option of its site: what the bucket's own factors add, and the rest.
pub(crate) struct Arm<C> {
    pub code: usize,
    pub shift: u128,
    pub tree: Tree<C>,
}

pub(crate) struct Row<C> {
    pub total: Arc<Poly<C>>,
    /// Only if asked to keep them.
    pub arms: Vec<Arm<C>>,
}

/// The elimination of one site.
pub(crate) struct Bucket<C> {
    pub var: SiteId,
    /// The sites that the message reads.
    pub scope: Vec<SiteId>,
    strides: Vec<usize>,
    pub rows: Vec<Row<C>>,
}

impl<C> Bucket<C> {
    pub fn row(&self, codes: &[usize]) -> &Row<C> {
        &self.rows[self
            .scope
            .iter()
            .zip(&self.strides)
            .map(|(s, n)| codes[*s] * n)
            .sum::<usize>()]
    }
}

pub(crate) struct Elimination<C> {
    /// In elimination order.
    pub buckets: Vec<Bucket<C>>,
    /// Buckets whose message reads nothing, with that message.
    pub roots: Vec<(usize, Arc<Poly<C>>)>,
    /// What factors without sites come to; `None` where they exclude everything.
    pub constant: Option<C>,
}

pub(crate) fn hard(problem: &Problem, sites: &[SiteId], over: Over) -> TooHard {
    let reason = match over {
        Over::Rows => "these choices are coupled too closely: their joint table is too large",
        Over::Terms => "the costs of these choices take too many distinct values together",
        Over::Work => "the costs of these choices take too long to combine",
    };
    TooHard {
        sites: sites.iter().map(|&s| problem.names[s].clone()).collect(),
        reason: reason.into(),
    }
}

/// Eliminates the sites in `order`; with `keep`, what is needed to find members again is kept.
pub(crate) fn eliminate<C: Coef>(
    problem: &Problem,
    order: &[SiteId],
    keep: bool,
    budget: &Budget,
) -> Result<Elimination<C>, TooHard> {
    let mut out = Elimination {
        buckets: Vec::with_capacity(order.len()),
        roots: Vec::new(),
        constant: Some(C::unit()),
    };
    let mut used = vec![false; problem.factors.len()];
    let mut reading = vec![Vec::new(); problem.widths.len()];
    for (i, f) in problem.factors.iter().enumerate() {
        f.scope.iter().for_each(|s| reading[*s].push(i));
    }
    for f in problem.factors.iter().filter(|f| f.scope.is_empty()) {
        out.constant = match (&f.kind, out.constant) {
            (Kind::Weigh(v), Some(c)) => Some(c.mul(&C::weigh(v[0]))),
            (Kind::Allow(v), c) => c.filter(|_| v[0]),
            (_, c) => c,
        };
    }
    let mut live: Vec<usize> = Vec::new();
    for &var in order {
        let factors: Vec<usize> = reading[var].iter().copied().filter(|&f| !used[f]).collect();
        factors.iter().for_each(|&f| used[f] = true);
        let (children, rest): (Vec<usize>, Vec<usize>) = live
            .into_iter()
            .partition(|&b: &usize| out.buckets[b].scope.contains(&var));
        live = rest;
        let mut scope: Vec<SiteId> = factors
            .iter()
            .flat_map(|&f| problem.factors[f].scope.iter().copied())
            .collect();
        scope.extend(
            children
                .iter()
                .flat_map(|&b| out.buckets[b].scope.iter().copied()),
        );
        scope.retain(|&s| s != var);
        scope.sort_unstable();
        scope.dedup();
        let bucket = fill(
            problem,
            var,
            scope,
            &factors,
            &children,
            &out.buckets,
            keep,
            budget,
        )?;
        if bucket.scope.is_empty() {
            out.roots
                .push((out.buckets.len(), bucket.rows[0].total.clone()));
        } else {
            live.push(out.buckets.len());
        }
        out.buckets.push(bucket);
    }
    Ok(out)
}

#[allow(clippy::too_many_arguments)]
fn fill<C: Coef>(
    problem: &Problem,
    var: SiteId,
    scope: Vec<SiteId>,
    factors: &[usize],
    children: &[usize],
    buckets: &[Bucket<C>],
    keep: bool,
    budget: &Budget,
) -> Result<Bucket<C>, TooHard> {
    let fail = |over| {
        let mut sites = scope.clone();
        sites.push(var);
        sites.sort_unstable();
        hard(problem, &sites, over)
    };
    let size = scope
        .iter()
        .try_fold(1usize, |n, &s| n.checked_mul(problem.widths[s]));
    let Some(size) = size.filter(|n| *n <= budget.limits.rows) else {
        return Err(fail(Over::Rows));
    };
    let mut strides = vec![1; scope.len()];
    for i in (1..scope.len()).rev() {
        strides[i - 1] = strides[i] * problem.widths[scope[i]];
    }
    let mut codes = vec![0usize; problem.widths.len()];
    let mut rows = Vec::with_capacity(size);
    let nothing = Arc::new(Poly::empty());
    let mut held = 0usize;
    for _ in 0..size {
        let mut arms = Vec::new();
        let mut parts = Vec::new();
        budget
            .spend((problem.widths[var] * (factors.len() + children.len() + 1)) as u64)
            .map_err(fail)?;
        'code: for code in 0..problem.widths[var] {
            codes[var] = code;
            let (mut shift, mut scale) = (0u128, C::unit());
            for &f in factors {
                let factor = &problem.factors[f];
                let row = factor.row(&codes);
                match &factor.kind {
                    Kind::Allow(v) if !v[row] => continue 'code,
                    Kind::Allow(_) => {}
                    Kind::Key(v) => shift += v[row],
                    Kind::Weigh(v) => scale = scale.mul(&C::weigh(v[row])),
                }
            }
            if problem.keys.over(shift) {
                continue;
            }
            let messages = children
                .iter()
                .map(|&b| (b, buckets[b].row(&codes).total.clone()))
                .collect();
            let Some(tree) = Tree::product(messages, problem, budget).map_err(fail)? else {
                continue;
            };
            parts.push((shift, scale, tree.poly()));
            if keep {
                arms.push(Arm { code, shift, tree });
            }
        }
        let total = if parts.is_empty() {
            nothing.clone()
        } else {
            Arc::new(Poly::sum(&parts, &problem.keys, budget).map_err(fail)?)
        };
        held += total.len();
        if held > budget.limits.terms {
            return Err(fail(Over::Terms));
        }
        rows.push(Row { total, arms });
        for i in (0..scope.len()).rev() {
            codes[scope[i]] += 1;
            if codes[scope[i]] < problem.widths[scope[i]] {
                break;
            }
            codes[scope[i]] = 0;
        }
    }
    Ok(Bucket {
        var,
        scope,
        strides,
        rows,
    })
}

/// The two halves of the product of all roots; members are pairs of their entries whose keys fit the windows.
pub(crate) struct Halves<C> {
    /// `None`: no member.
    pub trees: Option<(Tree<C>, Tree<C>)>,
}

impl<C: Coef> Elimination<C> {
    /// Splits the roots in two products of like size, so that the full product is never needed.
    pub fn halves(&self, problem: &Problem, budget: &Budget) -> Result<Halves<C>, TooHard> {
        let fail = |over| {
            hard(
                problem,
                &(0..problem.widths.len()).collect::<Vec<_>>(),
                over,
            )
        };
        let extents: Vec<Extent> = self.roots.iter().map(|r| r.1.extent()).collect();
        let first = split(&extents, problem.keys.cap());
        let mut sides: [Vec<(usize, Arc<Poly<C>>)>; 2] = [Vec::new(), Vec::new()];
        for (i, root) in self.roots.iter().enumerate() {
            sides[usize::from(!first[i])].push(root.clone());
        }
        let [a, b] = sides;
        let (a, b) = (
            Tree::product(a, problem, budget).map_err(fail)?,
            Tree::product(b, problem, budget).map_err(fail)?,
        );
        let trees = if self.constant.is_none() || problem.keys.impossible {
            None
        } else {
            a.zip(b)
        };
        Ok(Halves { trees })
    }

    /// The generating function of all members, without a look at lower ends of windows.
    pub fn total(&self, problem: &Problem, budget: &Budget) -> Result<Poly<C>, TooHard> {
        let fail = |over| {
            hard(
                problem,
                &(0..problem.widths.len()).collect::<Vec<_>>(),
                over,
            )
        };
        let Some(constant) = self.constant.as_ref().filter(|_| !problem.keys.impossible) else {
            return Ok(Poly::empty());
        };
        let Some(tree) = Tree::product(self.roots.clone(), problem, budget).map_err(fail)? else {
            return Ok(Poly::empty());
        };
        Poly::term(0, constant.clone())
            .mul(&tree.poly(), &problem.keys, budget)
            .map_err(fail)
    }
}
