//! Random small spaces as programs, against a listing of their members made here by other means.

mod common;

use common::failures;
use proptest::prelude::*;
use std::fmt::Write;

/// A small generator (splitmix64): programs follow from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }
}

/// A declaration of a space; `a` and `b` are numbers of earlier ones.
enum Item {
    /// One of some numbers.
    One(Vec<i64>),
    /// A number below an earlier one, and 0.
    Below(usize),
    /// One of some numbers where an earlier one is odd, else 0.
    Where(usize, Vec<i64>),
    /// One of two; the second has a choice of its own.
    Nested(i64, Vec<i64>),
    /// As many choices as an earlier one says, at most three.
    Many(usize, Vec<i64>),
    /// k of the list.
    Several(usize, Vec<i64>, bool, bool),
    /// Those of a list above an earlier one.
    Filter(usize, Vec<i64>),
}

fn numbers(r: &mut Random) -> Vec<i64> {
    let n = 1 + r.below(3) as i64;
    let step = 1 + r.below(3) as i64;
    (1..=n).map(|i| i * step).collect()
}

fn items(seed: u64) -> Vec<Item> {
    let mut r = Random(seed);
    let mut out = vec![Item::One(numbers(&mut r))];
    for i in 1..2 + r.below(3) as usize {
        let earlier = r.below(i as u64) as usize;
        out.push(match r.below(7) {
            0 => Item::One(numbers(&mut r)),
            1 => Item::Below(earlier),
            2 => Item::Where(earlier, numbers(&mut r)),
            3 => Item::Nested(r.below(4) as i64, numbers(&mut r)),
            4 => Item::Many(earlier, numbers(&mut r)),
            5 => {
                let list = numbers(&mut r);
                let k = 1 + r.below(list.len() as u64) as usize;
                Item::Several(k, list, r.below(2) == 0, r.below(2) == 0)
            }
            _ => Item::Filter(earlier, numbers(&mut r)),
        });
    }
    out
}

fn list(xs: &[i64]) -> String {
    let parts: Vec<String> = xs.iter().map(i64::to_string).collect();
    format!("[{}]", parts.join(", "))
}

/// The declaration, and an expression for the number that it stands for.
fn source(i: usize, item: &Item, numbers: &[String]) -> (String, String) {
    let name = format!("v{i}");
    match item {
        Item::One(xs) => (format!("let {name} = choose {}", list(xs)), name),
        Item::Below(a) => (
            format!("let {name} = choose 0..=({} % 4)", numbers[*a]),
            name,
        ),
        Item::Where(a, xs) => {
            let odd = format!("{} % 2 == 1", numbers[*a]);
            (
                format!(
                    "let {name} = if {odd} {{ choose {} }} else {{ 0 }}",
                    list(xs)
                ),
                name,
            )
        }
        Item::Nested(x, xs) => {
            let text = format!(
                "let {name} = choose {{ plain: {x}, own: 10 + (choose {}) }}",
                list(xs)
            );
            (text, name)
        }
        Item::Many(a, xs) => (
            format!(
                "let {name} = [choose {} for i in 0..({} % 4)]",
                list(xs),
                numbers[*a]
            ),
            format!("sum({name})"),
        ),
        Item::Several(k, xs, ordered, distinct) => {
            let how = match (ordered, distinct) {
                (true, true) => "ordered distinct ",
                (true, false) => "ordered ",
                (false, true) => "distinct ",
                (false, false) => "",
            };
            (
                format!("let {name} = choose {how}{k} of {}", list(xs)),
                format!("sum({name})"),
            )
        }
        Item::Filter(a, xs) => (
            format!(
                "let {name} = sum([x for x in {} if x > {}])",
                list(xs),
                numbers[*a]
            ),
            name,
        ),
    }
}

/// The numbers that an item can stand for, once for each way to choose it.
fn ways(item: &Item, before: &[i64]) -> Vec<i64> {
    let sums = |lists: Vec<Vec<i64>>| lists.iter().map(|l| l.iter().sum()).collect();
    match item {
        Item::One(xs) => xs.clone(),
        Item::Below(a) => (0..=before[*a].rem_euclid(4)).collect(),
        Item::Where(a, xs) if before[*a].rem_euclid(2) == 1 => xs.clone(),
        Item::Where(..) => vec![0],
        Item::Nested(x, xs) => std::iter::once(*x)
            .chain(xs.iter().map(|y| 10 + y))
            .collect(),
        Item::Many(a, xs) => {
            let mut all = vec![vec![]];
            for _ in 0..before[*a].rem_euclid(4) {
                all = all
                    .iter()
                    .flat_map(|l: &Vec<i64>| {
                        xs.iter()
                            .map(|x| [&l[..], &[*x]].concat())
                            .collect::<Vec<_>>()
                    })
                    .collect();
            }
            sums(all)
        }
        Item::Several(k, xs, ordered, distinct) => {
            // By a different way than the compiler: all sequences, then one for each class.
            let n = xs.len();
            let mut seen = std::collections::BTreeMap::new();
            for code in 0..n.pow(*k as u32) {
                let mut at: Vec<usize> = (0..*k).map(|j| code / n.pow(j as u32) % n).collect();
                let mut set = at.clone();
                set.sort_unstable();
                set.dedup();
                if *distinct && set.len() < *k {
                    continue;
                }
                if !ordered {
                    at.sort_unstable();
                }
                seen.insert(at.clone(), at.iter().map(|i| xs[*i]).sum());
            }
            seen.into_values().collect()
        }
        Item::Filter(a, xs) => vec![xs.iter().filter(|x| **x > before[*a]).sum()],
    }
}

/// Totals of all members.
fn totals(items: &[Item]) -> Vec<i64> {
    let mut all: Vec<Vec<i64>> = vec![vec![]];
    for item in items {
        all = all
            .iter()
            .flat_map(|m| {
                ways(item, m)
                    .into_iter()
                    .map(|v| [&m[..], &[v]].concat())
                    .collect::<Vec<_>>()
            })
            .collect();
    }
    all.iter().map(|m| m.iter().sum()).collect()
}

fn program(seed: u64) -> (String, Vec<i64>) {
    let items = items(seed);
    let (mut body, mut numbers) = (String::new(), Vec::new());
    for (i, item) in items.iter().enumerate() {
        let (text, number) = source(i, item, &numbers);
        let _ = writeln!(body, "  {text}");
        numbers.push(number);
    }
    let total = numbers.join(" + ");
    (
        format!("space s {{\n{body}  let total = {total}\n  value total\n}}\n"),
        totals(&items),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sizes_members_moves_and_texts(seed: u64) {
        let (space, totals) = program(seed);
        prop_assume!(totals.len() <= 3_000);
        let mut sorted = totals.clone();
        sorted.sort_unstable();
        let (low, high) = (sorted[sorted.len() / 4], sorted[3 * sorted.len() / 4]);
        let inside = |l: i64, h: i64| totals.iter().filter(|t| (l..=h).contains(*t)).count();
        let apart = totals.iter().filter(|t| **t < low || **t > high).count();
        let either = totals.iter().filter(|t| **t % 3 == 0 || **t >= high).count();
        let n = totals.len();
        let mut text = space.clone();
        text.push_str("test \"it\" {\n");
        let _ = writeln!(text, "  expect size(s) == {n}");
        let _ = writeln!(text, "  expect size(s where total in {low}..={high}) == {}", inside(low, high));
        if apart > 0 {
            let _ = writeln!(text, "  expect size(s where total < {low} or total > {high}) == {apart}");
            let _ = writeln!(text, "  expect size(s where not (total in {low}..={high})) == {apart}");
        }
        let _ = writeln!(text, "  expect size(s where total % 3 == 0 or total >= {high}) == {either}");
        let _ = writeln!(text, "  let every = sample(s, 5_000)");
        let _ = writeln!(text, "  expect len(every) == {n} and sum([s[a] for a in every]) == {}", totals.iter().sum::<i64>());
        let _ = writeln!(text, "  expect len(distinct([encode(a) for a in every])) == {n}");
        let _ = writeln!(text, "  expect all(decode(s, encode(a)) == a for a in every[..{}])", n.min(30));
        let _ = writeln!(text, "  let texts = [encode(a) for a in every]");
        let _ = writeln!(text, "  expect all(all(encode(b) in texts for b in neighbours(s, a)) for a in every[..{}])", n.min(10));
        let _ = writeln!(text, "  let part = s where total in {low}..={high}");
        let _ = writeln!(text, "  expect all(s[a] >= {low} and s[a] <= {high} for a in sample(part, 40))");
        let _ = writeln!(text, "  expect all(all(s[b] >= {low} and s[b] <= {high} for b in neighbours(part, a)) for a in sample(part, 10))");
        text.push_str("}\n");
        let wrong = failures(&text);
        prop_assert!(wrong.is_empty(), "{text}\n{}", wrong.join("\n"));
    }
}

/// Members of a space with conditional parts, and under a window, are drawn equally often: chi-square against the 99.99% point.
#[test]
fn draws_are_uniform() {
    let text = "space s {
  let d = choose 1..=3
  let w = [choose [1, 2] for i in 0..d]
  value sum(w)
}
fn chi(space: Space, n: Int) -> Float {
  let every = [encode(a) for a in sample(space, 100)]
  let drawn = [encode(sample(space, 1, seed: i)[0]) for i in 0..n]
  let e = n / len(every)
  sum([(count(d for d in drawn where d == t) - e) ^ 2 / e for t in every])
}
test \"uniform\" {
  expect size(s) == 14 and chi(s, 700) < 42
  expect size(s where sum(w) in 3..=4) == 7 and chi(s where sum(w) in 3..=4, 400) < 30
}
";
    assert_eq!(failures(text), Vec::<String>::new());
}
