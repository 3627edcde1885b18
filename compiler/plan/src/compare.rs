//! Two pages compared: what caused the difference, and what it costs.

use crate::outline::Outline;
use crate::page::grouped;
use std::collections::{BTreeMap, BTreeSet};

/// Something in the source that is not as it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// `parameter`, `let`, `fn`, `space`, `stage`, …
    pub kind: String,
    /// The module; empty for parts of the pipeline itself.
    pub module: String,
    pub name: String,
    pub old: Option<String>,
    pub new: Option<String>,
}

/// What differs, in the order in which it is told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Compared {
    pub causes: Vec<Change>,
    /// Stages that are computed again, and how many there are now.
    pub again: Vec<String>,
    pub added: Vec<String>,
    pub gone: Vec<String>,
    pub stages: usize,
    /// Further lines: `MACs`, `members`, `memory`, `budget`, … with what they were and are.
    pub costs: Vec<(String, String)>,
}

impl Compared {
    pub fn is_empty(&self) -> bool {
        *self
            == Compared {
                stages: self.stages,
                ..Compared::default()
            }
    }
}

/// Compares the committed page with the page of now.
pub fn compare(old: &str, new: &str) -> Compared {
    let (old, new) = (Outline::read(old), Outline::read(new));
    let mut out = Compared::default();
    code(&old, &new, &mut out);
    values(&old, &new, &mut out);
    stages(&old, &new, &mut out);
    spaces(&old, &new, &mut out);
    totals(&old, &new, &mut out);
    for part in [
        "data",
        "curricula",
        "seals",
        "disclosures",
        "reports",
        "expects",
        "warnings",
    ] {
        lines(part, &old, &new, &mut out);
    }
    out
}

/// A declaration's line: kind, module, name, value and digest.
fn declaration(line: &str) -> Option<(String, String, String, Option<String>, String)> {
    let (head, digest) = line.rsplit_once("  ")?;
    let (head, value) = match head.split_once(" = ") {
        Some((h, v)) => (h, Some(v.to_string())),
        None => (head, None),
    };
    let (kind, path) = head.split_once(' ')?;
    let (module, name) = path.rsplit_once('.')?;
    Some((
        kind.into(),
        module.into(),
        name.into(),
        value,
        digest.into(),
    ))
}

fn code(old: &Outline, new: &Outline, out: &mut Compared) {
    type Known = BTreeMap<(String, String, String), (Option<String>, String)>;
    let read = |o: &Outline| -> Known {
        let all = o.section("code").iter();
        all.filter_map(|l| declaration(&l.text))
            .map(|(k, m, n, v, d)| ((m, n, k), (v, d)))
            .collect()
    };
    let (a, b) = (read(old), read(new));
    let keys: BTreeSet<_> = a.keys().chain(b.keys()).collect();
    for key in keys {
        let (x, y) = (a.get(key), b.get(key));
        if x == y {
            continue;
        }
        // What of the library is reached follows from what the program says.
        if key.0.starts_with("std.") && (x.is_none() || y.is_none()) {
            continue;
        }
        let side = |s: Option<&(Option<String>, String)>| {
            s.map(|(v, d)| v.clone().unwrap_or_else(|| d.clone()))
        };
        out.causes.push(Change {
            kind: key.2.clone(),
            module: key.0.clone(),
            name: key.1.clone(),
            old: side(x),
            new: side(y),
        });
    }
}

fn values(old: &Outline, new: &Outline, out: &mut Compared) {
    let a = Outline::by_name(old.section("parameters"));
    let b = Outline::by_name(new.section("parameters"));
    let names: BTreeSet<_> = a.keys().chain(b.keys()).collect();
    for name in names {
        let side = |m: &BTreeMap<&str, &Outline>| m.get(*name).map(|o| o.rest().to_string());
        let (x, y) = (side(&a), side(&b));
        if x != y {
            out.causes.push(Change {
                kind: "parameter".into(),
                module: String::new(),
                name: name.to_string(),
                old: x,
                new: y,
            });
        }
    }
    let heads = |o: &Outline| -> Vec<String> {
        let head = o.below.get(1).map_or("", |l| &l.text);
        head.split(", ").map(String::from).collect()
    };
    for (x, y) in heads(old).iter().zip(heads(new)) {
        if let (Some((what, a)), Some((_, b))) = (x.split_once(' '), y.split_once(' '))
            && a != b
        {
            out.causes.push(Change {
                kind: what.into(),
                module: String::new(),
                name: String::new(),
                old: Some(a.into()),
                new: Some(b.into()),
            });
        }
    }
}

fn stages(old: &Outline, new: &Outline, out: &mut Compared) {
    let a = Outline::by_name(old.section("stages"));
    let b = Outline::by_name(new.section("stages"));
    out.stages = b.len();
    let mut renamed: Vec<(&str, &str)> = vec![];
    for (name, s) in &b {
        match a.get(name) {
            Some(o) => {
                let again = o.fact("key") != s.fact("key");
                if again {
                    out.again.push(name.to_string());
                }
                if o.rest() != s.rest() && !again {
                    let text = format!("{name}: {} -> {}", o.rest(), s.rest());
                    out.costs.push(("written".into(), text));
                } else if o.rest() != s.rest() {
                    out.causes.push(Change {
                        kind: "stage".into(),
                        module: String::new(),
                        name: name.to_string(),
                        old: Some(o.rest().into()),
                        new: Some(s.rest().into()),
                    });
                }
            }
            None => {
                let twin = a.iter().find(|(n, o)| {
                    !b.contains_key(*n) && o.fact("key").is_some() && o.fact("key") == s.fact("key")
                });
                match twin {
                    Some((was, _)) => renamed.push((was, name)),
                    None => {
                        out.added.push(name.to_string());
                        out.causes.push(stage_change(name, None, Some(s.rest())));
                    }
                }
            }
        }
    }
    let kept: BTreeSet<&str> = renamed.iter().map(|r| r.0).collect();
    let gone = a
        .keys()
        .filter(|n| !b.contains_key(*n) && !kept.contains(*n));
    out.gone = gone.map(|n| n.to_string()).collect();
    let left = out
        .gone
        .iter()
        .filter_map(|n| a.get(n.as_str()).map(|o| (n, o.rest())));
    let left: Vec<Change> = left
        .map(|(n, was)| stage_change(n, Some(was), None))
        .collect();
    out.causes.extend(left);
    for (was, is) in renamed {
        out.costs.push((
            "renamed".into(),
            format!("{was} -> {is}, nothing is computed again"),
        ));
    }
}

fn stage_change(name: &str, old: Option<&str>, new: Option<&str>) -> Change {
    Change {
        kind: "stage".into(),
        module: String::new(),
        name: name.into(),
        old: old.map(String::from),
        new: new.map(String::from),
    }
}

/// The number behind the last space-separated mark that is one: `4,096 members` is 4096.
fn number(text: &str) -> Option<f64> {
    let digits: String = text
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == ',' || *c == '.')
        .filter(|c| *c != ',')
        .collect();
    digits.trim_end_matches('.').parse().ok()
}

/// A line without its columns.
fn single(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Spaces of one name in pairs: those under the same conditions, the rest in order.
fn paired<'a>(
    old: &'a [Outline],
    new: &'a [Outline],
) -> Vec<(Option<&'a Outline>, Option<&'a Outline>)> {
    fn conditions(o: &Outline) -> Vec<&str> {
        let all = o.below.iter().map(|l| l.text.as_str());
        all.filter(|t| t.starts_with("where ")).collect()
    }
    let mut left: Vec<&Outline> = old.iter().collect();
    let mut out: Vec<(Option<&Outline>, Option<&Outline>)> =
        new.iter().map(|n| (None, Some(n))).collect();
    for same in [true, false] {
        for (was, is) in &mut out {
            let Some(n) = is.filter(|_| was.is_none()) else {
                continue;
            };
            let fits =
                |o: &&Outline| o.name() == n.name() && (!same || conditions(o) == conditions(n));
            if let Some(at) = left.iter().position(fits) {
                *was = Some(left.remove(at));
            }
        }
    }
    out.extend(left.into_iter().map(|o| (Some(o), None)));
    out
}

fn spaces(old: &Outline, new: &Outline, out: &mut Compared) {
    for (x, y) in paired(old.section("spaces"), new.section("spaces")) {
        match (x, y) {
            (Some(x), Some(y)) => {
                let name = y.name();
                let count =
                    |o: &Outline| o.rest().split_whitespace().next().unwrap_or("").to_string();
                let (m, n) = (count(x), count(y));
                if m != n {
                    let by = match (m.parse::<i128>(), n.parse::<i128>()) {
                        (Ok(m), Ok(n)) => format!(" ({:+})", n - m),
                        _ => String::new(),
                    };
                    out.costs
                        .push(("members".into(), format!("{name}: {m} -> {n}{by}")));
                }
                let facts = |o: &Outline, of: bool| -> Vec<String> {
                    let all = o.below.iter().map(|l| single(&l.text));
                    all.filter(|t| t.starts_with("where ") == of).collect()
                };
                for (p, q) in facts(x, false).iter().zip(facts(y, false)) {
                    if *p != q {
                        out.costs
                            .push(("costs".into(), format!("{name}: {p} -> {q}")));
                    }
                }
                let (was, is) = (facts(x, true), facts(y, true));
                let told =
                    |c: &String, mark: &str| ("members".into(), format!("{name}: {mark} {c}"));
                let lost = was.iter().filter(|c| !is.contains(c)).map(|c| told(c, "-"));
                out.costs.extend(lost.collect::<Vec<_>>());
                let come = is.iter().filter(|c| !was.contains(c)).map(|c| told(c, "+"));
                out.costs.extend(come.collect::<Vec<_>>());
            }
            (None, Some(y)) => out.costs.push(("space".into(), format!("new: {}", y.text))),
            (Some(x), None) => out
                .costs
                .push(("space".into(), format!("gone: {}", x.text))),
            (None, None) => {}
        }
    }
}

/// MACs, memory and budgets of the whole.
fn totals(old: &Outline, new: &Outline, out: &mut Compared) {
    for what in ["MACs", "work"] {
        let sum = |o: &Outline| -> f64 {
            let works = o.section("stages").iter().flat_map(|s| &s.below);
            works
                .filter_map(|w| w.fact(what))
                .filter_map(|t| match (what, t.split_once(", mean ")) {
                    ("work", _) => t
                        .split(", ")
                        .find(|p| p.ends_with(" images"))
                        .and_then(number),
                    (_, Some((_, mean))) => number(mean),
                    (_, None) => number(t),
                })
                .sum()
        };
        let (a, b) = (sum(old), sum(new));
        if a != b {
            let share = match a > 0.0 {
                true => format!(" ({:+.1} %)", (b / a - 1.0) * 100.0),
                false => String::new(),
            };
            let name = if what == "work" { "images" } else { what };
            let text = format!("{} -> {}{share}", grouped(a as u64), grouped(b as u64));
            out.costs.push((name.into(), text));
        }
    }
    let peak = |o: &Outline| {
        let line = o.section("memory").first()?;
        let text = line.text.strip_prefix("peak ")?;
        Some(text.trim_end_matches(" with one job").to_string())
    };
    let (a, b) = (peak(old), peak(new));
    if a != b {
        let shown = |t: Option<String>| t.unwrap_or("not known".into());
        out.costs
            .push(("memory".into(), format!("{} -> {}", shown(a), shown(b))));
    }
    budgets(old, new, out);
}

/// A budget that another takes the place of is a cause; one whose state changed is what a change costs.
fn budgets(old: &Outline, new: &Outline, out: &mut Compared) {
    // Memory and time: one of each is held against the other page's.
    for memory in [true, false] {
        let of = |o: &Outline| -> Vec<(String, String)> {
            let all = o.section("budget").iter();
            let own = all.filter(|b| b.name().ends_with("MB") == memory);
            own.map(|b| (b.name().to_string(), b.rest().to_string()))
                .collect()
        };
        let (a, b) = (of(old), of(new));
        for i in 0..a.len().max(b.len()) {
            let (x, y) = (a.get(i), b.get(i));
            if x.map(|x| &x.0) != y.map(|y| &y.0) {
                out.causes.push(Change {
                    kind: "budget".into(),
                    module: String::new(),
                    name: String::new(),
                    old: Some(x.map_or("none".into(), |x| x.0.clone())),
                    new: Some(y.map_or("none".into(), |y| y.0.clone())),
                });
            }
            let state =
                |s: Option<&(String, String)>| s.map_or("none".to_string(), |s| s.1.clone());
            let (p, q) = (state(x), state(y));
            if p != q {
                let name = y.or(x).map_or("", |b| &b.0);
                out.costs
                    .push(("budget".into(), format!("{name}: {p} -> {q}")));
            }
        }
    }
}

/// Lines of a section that came or went.
fn lines(part: &str, old: &Outline, new: &Outline, out: &mut Compared) {
    fn flat(o: &[Outline], into: &mut Vec<String>) {
        for l in o {
            into.push(l.text.clone());
            flat(&l.below, into);
        }
    }
    let (mut a, mut b) = (vec![], vec![]);
    flat(old.section(part), &mut a);
    flat(new.section(part), &mut b);
    let name = part.trim_end_matches('s').to_string();
    for l in a.iter().filter(|l| !b.contains(l)) {
        out.costs.push((name.clone(), format!("- {l}")));
    }
    for l in b.iter().filter(|l| !a.contains(l)) {
        out.costs.push((name.clone(), format!("+ {l}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "pipeline main of a.nas\nlanguage 0.1, library ab, seed 0\n\nparameters\n  n = 5\n\nspaces\n  nets: 9 members, 2 sites\n\nstages\n  a: a list  sample(nets, n)\n    key    11\n  b: weights  fit(a)\n    key    22\n    b: fit\n      work    10 steps of 8, 80 images\n      MACs    1,000\n\nmemory\n  peak 5.0 MB with one job\n\nbudget\n  9 MB  met\n\ncode\n  fn a.fit  77\n  let a.rate = 0.1  88\n";

    #[test]
    fn causes_and_costs_are_told() {
        assert!(compare(OLD, OLD).is_empty());
        let new = OLD
            .replace("n = 5", "n = 6")
            .replace("rate = 0.1  88", "rate = 0.2  89")
            .replace("key    22", "key    23")
            .replace("80 images", "160 images")
            .replace("1,000", "2,000")
            .replace("9 members", "8 members")
            .replace("peak 5.0", "peak 9.5")
            .replace("9 MB  met", "9 MB  not met");
        let c = compare(OLD, &new);
        let names: Vec<&str> = c.causes.iter().map(|c| &*c.name).collect();
        assert_eq!(names, ["rate", "n"]);
        assert_eq!(c.causes[0].old.as_deref(), Some("0.1"));
        assert_eq!((&c.again[..], c.stages), (&["b".to_string()][..], 2));
        for (what, text) in [
            ("members", "nets: 9 -> 8 (-1)"),
            ("MACs", "1,000 -> 2,000 (+100.0 %)"),
            ("images", "80 -> 160 (+100.0 %)"),
            ("memory", "5.0 MB -> 9.5 MB"),
            ("budget", "9 MB: met -> not met"),
        ] {
            assert!(c.costs.contains(&(what.into(), text.into())), "{c:?}");
        }
    }

    #[test]
    fn a_renamed_stage_is_computed_by_its_key() {
        let c = compare(OLD, &OLD.replace("  b: weights", "  w: weights"));
        assert!(c.again.is_empty() && c.added.is_empty() && c.gone.is_empty());
        assert_eq!(c.costs[0].0, "renamed");
    }

    #[test]
    fn stages_and_budgets_that_come_and_go_are_causes() {
        let more = OLD.replace("\nmemory", "  c: a list  [1]\n    key    33\n\nmemory");
        let c = compare(OLD, &more);
        assert_eq!(
            (c.causes[0].kind.as_str(), c.causes[0].name.as_str()),
            ("stage", "c")
        );
        assert_eq!(c.causes[0].new.as_deref(), Some("a list  [1]"));
        let c = compare(&more, OLD);
        assert_eq!((c.gone.len(), c.causes[0].new.as_deref()), (1, None));
        let c = compare(OLD, &OLD.replace("9 MB  met", "4 MB  not met"));
        let told = (c.causes[0].old.as_deref(), c.causes[0].new.as_deref());
        assert_eq!(told, (Some("9 MB"), Some("4 MB")));
        assert_eq!(c.costs, [("budget".into(), "4 MB: met -> not met".into())]);
    }

    #[test]
    fn of_two_spaces_with_one_name_the_same_are_compared() {
        let two = OLD.replace(
            "  nets: 9 members, 2 sites\n",
            "  nets: 9 members, 2 sites\n  nets: 7 members of 9, 2 sites\n    where a > 2\n    params  1 ..= 3\n",
        );
        assert!(compare(&two, &two).is_empty());
        let c = compare(
            &two,
            &two.replace("7 members", "6 members")
                .replace("a > 2", "a > 3"),
        );
        let costs: Vec<&str> = c.costs.iter().map(|c| c.1.as_str()).collect();
        assert_eq!(
            costs,
            [
                "nets: 7 -> 6 (-1)",
                "nets: - where a > 2",
                "nets: + where a > 3"
            ]
        );
    }
}
