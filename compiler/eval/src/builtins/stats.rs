//! Statistics of lists of numbers: spread, quantiles, correlation and agreement of rankings.

use super::spread::Asked;
use crate::builtins::list::{Ties, lifted_deep, numbers, rank_of};
use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::value::{BuiltinFn, Fields, Value};
use crate::{Result, number};
use nas_diagnostics::Span;

/// Every function of this file, by name.
pub const STATS: &[(&str, BuiltinFn)] = &[
    ("kendall_counts", kendall_counts),
    ("pearson", pearson),
    ("spearman", spearman),
    ("median", median),
    ("quantile", quantile),
    ("std", std),
    ("variance", variance),
    ("area", area),
];

/// How the pairs of two score lists stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pairs {
    pub concordant: i64,
    pub discordant: i64,
    /// Tied in the first only, in the second only, in both.
    pub ties_a: i64,
    pub ties_b: i64,
    pub ties_both: i64,
    pub distinct_a: i64,
    pub distinct_b: i64,
}

/// Counts the pairs of two lists of one length in O(n log n): sorted by the first, the exchanges that sort the second are the discordant pairs.
pub fn count_pairs(a: &[f64], b: &[f64]) -> Pairs {
    let n = a.len().min(b.len());
    let compare = |x: f64, y: f64| x.partial_cmp(&y).unwrap_or(std::cmp::Ordering::Equal);
    let mut ix: Vec<usize> = (0..n).collect();
    ix.sort_by(|i, j| compare(a[*i], a[*j]).then(compare(b[*i], b[*j])));
    let two = |k: i64| k * (k - 1) / 2;
    // Pairs inside groups of equal neighbours, and the number of groups.
    let tied = |same: &dyn Fn(usize, usize) -> bool, ix: &[usize]| {
        let (mut pairs, mut groups, mut from) = (0, 0, 0);
        for i in 1..=ix.len() {
            if i == ix.len() || !same(ix[i], ix[from]) {
                pairs += two((i - from) as i64);
                groups += 1;
                from = i;
            }
        }
        if ix.is_empty() {
            (0, 0)
        } else {
            (pairs, groups)
        }
    };
    let (in_a, distinct_a) = tied(&|i, j| a[i] == a[j], &ix);
    let (in_both, _) = tied(&|i, j| a[i] == a[j] && b[i] == b[j], &ix);
    let mut ys: Vec<f64> = ix.iter().map(|i| b[*i]).collect();
    let discordant = exchanges(&mut ys);
    let mut by_b: Vec<usize> = (0..n).collect();
    by_b.sort_by(|i, j| compare(b[*i], b[*j]));
    let (in_b, distinct_b) = tied(&|i, j| b[i] == b[j], &by_b);
    let all = two(n as i64);
    Pairs {
        concordant: all - in_a - in_b + in_both - discordant,
        discordant,
        ties_a: in_a - in_both,
        ties_b: in_b - in_both,
        ties_both: in_both,
        distinct_a,
        distinct_b,
    }
}

/// Sorts by merging; gives the number of pairs that stood in the wrong order.
fn exchanges(xs: &mut [f64]) -> i64 {
    let n = xs.len();
    let mut buffer = xs.to_vec();
    let mut count = 0;
    let mut width = 1;
    while width < n {
        for from in (0..n).step_by(2 * width) {
            let (mid, to) = ((from + width).min(n), (from + 2 * width).min(n));
            let (mut i, mut j) = (from, mid);
            for slot in &mut buffer[from..to] {
                if i < mid && (j >= to || xs[i] <= xs[j]) {
                    *slot = xs[i];
                    i += 1;
                } else {
                    *slot = xs[j];
                    j += 1;
                    count += (mid - i) as i64;
                }
            }
        }
        xs.copy_from_slice(&buffer);
        width *= 2;
    }
    count
}

/// Pearson's correlation; 0 where a side is constant: a constant score ranks nothing.
pub fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len());
    let constant = |x: &[f64]| x.iter().all(|v| *v == x[0]);
    if n < 2 || constant(a) || constant(b) {
        return 0.0;
    }
    // Infinite scores have no mean.
    if a.iter().chain(b).any(|x| !x.is_finite()) {
        return f64::NAN;
    }
    // Sides are brought to at most 1 in size, so that squares neither vanish nor overflow.
    let scaled = |x: &[f64]| -> Vec<f64> {
        let sum = x.iter().sum::<f64>();
        let mean = if sum.is_finite() {
            sum / n as f64
        } else {
            x.iter().map(|v| v / n as f64).sum()
        };
        let d: Vec<f64> = x.iter().map(|v| v - mean).collect();
        let top = d.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        if top == 0.0 {
            d
        } else {
            d.iter().map(|v| v / top).collect()
        }
    };
    let (p, q) = (scaled(a), scaled(b));
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (dx, dy) in p.iter().zip(&q) {
        xy += dx * dy;
        xx += dx * dx;
        yy += dy * dy;
    }
    let below = (xx * yy).sqrt();
    if below == 0.0 {
        0.0
    } else {
        (xy / below).clamp(-1.0, 1.0)
    }
}

/// The value below which a share `q` lies, interpolated between neighbours; `xs` is sorted and not empty.
fn quantile_of(xs: &[f64], q: f64) -> f64 {
    let at = q.clamp(0.0, 1.0) * (xs.len() - 1) as f64;
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    if low == high {
        xs[low]
    } else {
        xs[low] + (xs[high] - xs[low]) * (at - at.floor())
    }
}

/// Sample variance, by n - 1; 0 for a single number.
pub fn variance_of(xs: &[f64]) -> f64 {
    let n = xs.len() as f64;
    if n < 2.0 {
        return 0.0;
    }
    let mean = xs.iter().sum::<f64>() / n;
    xs.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0)
}

fn number_of(v: f64) -> Value {
    if v.is_nan() {
        Value::invalid("not a number")
    } else {
        Value::float(v)
    }
}

type Both = std::result::Result<(Vec<f64>, Vec<f64>), Value>;

/// Two lists of one length as numbers, or the answer at once.
fn two_lists(ctx: &mut Ctx, args: &mut Args, names: (&str, &str)) -> Result<Both> {
    let span = args.span;
    let (a, b) = (args.need(names.0)?, args.need(names.1)?);
    let a = super::list::plain_numbers(ctx, &a, span)?;
    let b = super::list::plain_numbers(ctx, &b, span)?;
    let (a, b) = match (a, b) {
        (Ok(a), Ok(b)) => (a, b),
        (Err(v), Ok(_)) | (Ok(_), Err(v)) => return Ok(Err(v)),
        (Err(v), Err(w)) => return Ok(Err(if v.is_unknown() { w } else { v })),
    };
    if a.len() != b.len() {
        return Err(fault("E0301", "two lists of one length are compared")
            .at(span, "here")
            .note(format!("their lengths are {} and {}", a.len(), b.len()))
            .into());
    }
    Ok(Ok((a, b)))
}

fn kendall_counts(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted_deep(ctx, args, &|ctx, args| {
        let (a, b) = match two_lists(ctx, args, ("a", "b"))? {
            Ok(lists) => lists,
            Err(v) => return Ok(v),
        };
        let p = count_pairs(&a, &b);
        let mut r = Fields::new();
        for (name, v) in [
            ("concordant", p.concordant),
            ("discordant", p.discordant),
            ("ties_a", p.ties_a),
            ("ties_b", p.ties_b),
            ("ties_both", p.ties_both),
            ("n", a.len() as i64),
            ("distinct_a", p.distinct_a),
            ("distinct_b", p.distinct_b),
        ] {
            r.insert(name.into(), Value::int(v));
        }
        Ok(Value::record(r))
    })
}

fn pearson(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted_deep(ctx, args, &|ctx, args| {
        Ok(match two_lists(ctx, args, ("a", "b"))? {
            Ok((a, b)) => number_of(correlation(&a, &b)),
            Err(v) => v,
        })
    })
}

fn spearman(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted_deep(ctx, args, &|ctx, args| {
        Ok(match two_lists(ctx, args, ("a", "b"))? {
            Ok((a, b)) => number_of(correlation(
                &rank_of(&a, Ties::Mean),
                &rank_of(&b, Ties::Mean),
            )),
            Err(v) => v,
        })
    })
}

fn one_list(ctx: &mut Ctx, args: &mut Args, f: &dyn Fn(Vec<f64>) -> f64) -> Result<Value> {
    lifted_deep(ctx, args, &|ctx, args| {
        let v = args.need("xs")?;
        let xs = numbers!(ctx, &v, args.span);
        if xs.is_empty() {
            return Ok(Value::invalid("the list is empty"));
        }
        Ok(number_of(f(xs)))
    })
}

fn ascending(mut xs: Vec<f64>) -> Vec<f64> {
    xs.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    xs
}

fn median(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    if let Some(Value::Terms(t)) = args.positional.first().and_then(|a| a.0.clone()) {
        return super::spread::of_terms(ctx, &t, Asked::Quantile(0.5), args.span);
    }
    one_list(ctx, args, &|xs| quantile_of(&ascending(xs), 0.5))
}

fn quantile(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted_deep(ctx, args, &|ctx, args| {
        let span = args.span;
        let (v, q) = (args.need("xs")?, args.need("q")?);
        if let (Value::Terms(t), Some(q)) = (v.plain(), number::as_f64(&q)) {
            return super::spread::of_terms(ctx, t, Asked::Quantile(q), span);
        }
        let xs = numbers!(ctx, &v, span);
        if q.is_unknown() {
            return Ok(Value::unknown());
        }
        let Some(q) = number::as_f64(&q).filter(|q| (0.0..=1.0).contains(q)) else {
            return Err(fault(
                "E0301",
                format!(
                    "a quantile is asked for at a share between 0 and 1, not at {}",
                    crate::show::brief(&q)
                ),
            )
            .at(span, "here")
            .into());
        };
        if xs.is_empty() {
            return Ok(Value::invalid("the list is empty"));
        }
        Ok(number_of(quantile_of(&ascending(xs), q)))
    })
}

/// Sample standard deviation of plain or lazy numbers.
pub fn std_list(ctx: &mut Ctx, items: &[Value], span: Span) -> Result<Value> {
    let xs = numbers!(ctx, &Value::list(items.to_vec()), span);
    Ok(if xs.is_empty() {
        Value::invalid("the list is empty")
    } else {
        number_of(variance_of(&xs).sqrt())
    })
}

fn std(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    one_list(ctx, args, &|xs| variance_of(&xs).sqrt())
}

fn variance(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    one_list(ctx, args, &|xs| variance_of(&xs))
}

/// Mean height under the line through the points, at equal steps.
fn area_of(xs: &[f64]) -> f64 {
    match xs {
        [] => f64::NAN,
        [x] => *x,
        _ => xs.windows(2).map(|w| (w[0] + w[1]) / 2.0).sum::<f64>() / (xs.len() - 1) as f64,
    }
}

/// Of a curve; of several curves, the mean.
fn area(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted_deep(ctx, args, &|ctx, args| {
        let span = args.span;
        let v = args.need("ys")?;
        if let Value::List(l) = v.plain()
            && l.iter().any(|x| matches!(x.plain(), Value::List(_)))
        {
            let mut parts = vec![];
            for x in l.iter() {
                parts.push(area(ctx, &mut Args::one(x.clone(), span))?);
            }
            return super::list::mean_list(ctx, &parts, span);
        }
        let xs = numbers!(ctx, &v, span);
        Ok(number_of(area_of(&xs)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_small_lists() {
        let p = count_pairs(&[1.0, 2.0, 2.0, 3.0], &[1.0, 3.0, 2.0, 2.0]);
        // (0,1)+ (0,2)+ (0,3)+ (1,2) tied in a, (1,3)-, (2,3) tied in b.
        assert_eq!(
            (p.concordant, p.discordant, p.ties_a, p.ties_b, p.ties_both),
            (3, 1, 1, 1, 0)
        );
        assert_eq!((p.distinct_a, p.distinct_b), (3, 3));
        assert_eq!(count_pairs(&[], &[]), Pairs::default());
    }

    #[test]
    fn pairs_agree_with_counting_all() {
        let mut state = 7u64;
        let mut draw = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 33) % 17
        };
        for n in [2usize, 3, 50, 129] {
            let a: Vec<f64> = (0..n).map(|_| draw() as f64).collect();
            let b: Vec<f64> = (0..n).map(|_| draw() as f64).collect();
            let mut want = Pairs::default();
            for i in 0..n {
                for j in 0..i {
                    match (a[i] == a[j], b[i] == b[j]) {
                        (true, true) => want.ties_both += 1,
                        (true, false) => want.ties_a += 1,
                        (false, true) => want.ties_b += 1,
                        _ if (a[i] < a[j]) == (b[i] < b[j]) => want.concordant += 1,
                        _ => want.discordant += 1,
                    }
                }
            }
            let got = count_pairs(&a, &b);
            assert_eq!(
                Pairs {
                    distinct_a: 0,
                    distinct_b: 0,
                    ..got
                },
                want
            );
        }
    }

    #[test]
    fn correlations() {
        assert_eq!(correlation(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]), 1.0);
        assert_eq!(correlation(&[1.0, 2.0, 3.0], &[5.0, 5.0, 5.0]), 0.0);
        assert_eq!(
            rank_of(&[3.0, 1.0, 3.0, 2.0], Ties::Mean),
            [3.5, 1.0, 3.5, 2.0]
        );
        assert_eq!(
            rank_of(&[3.0, 1.0, 3.0, 2.0], Ties::Dense),
            [3.0, 1.0, 3.0, 2.0]
        );
        assert_eq!(area_of(&[0.0, 1.0, 2.0]), 1.0);
        assert_eq!(quantile_of(&[1.0, 2.0, 3.0, 4.0], 0.5), 2.5);
        assert_eq!(variance_of(&[1.0, 3.0]), 2.0);
    }
}
