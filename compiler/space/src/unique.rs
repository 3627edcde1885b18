//! Whether two members may have one text: decided where every site of a template is always there and stands in it once.

use crate::model::{Model, SiteId};
use crate::template::Step;
use std::collections::BTreeMap;

/// Texts of a step beyond which it is not looked into.
const TEXTS: usize = 64;
/// Differences between two readings that are followed.
const WAYS: usize = 100_000;

/// What one reading has beyond the other, and how both got there: the texts of each step, for either.
type Way = (String, bool, bool);

/// A sentence about two members with the same text; `None` where there are none, or it is not decided.
pub(crate) fn shared_text(model: &Model, steps: &[Step]) -> Option<String> {
    let mut met: Vec<SiteId> = vec![];
    let mut parts: Vec<Vec<&str>> = vec![];
    for step in steps {
        let texts: Vec<&str> = match step {
            Step::Literal(text) => vec![text],
            Step::Rows { sites, rows, .. } if sites.len() == 1 => {
                met.extend(sites);
                rows.iter().map(|r| r.0.as_str()).collect()
            }
            // Lists write what tells their items apart; what several sites decide is told by its table.
            _ => return None,
        };
        if texts.len() > TEXTS {
            return None;
        }
        parts.push(texts);
    }
    let always = |s: &SiteId| model.sites[*s].exists.reads().is_empty();
    let plain = model.structure.is_empty()
        && model.predicates.is_empty()
        && model.windows.is_empty()
        && model.either.is_empty();
    let mut once = met.clone();
    once.sort_unstable();
    once.dedup();
    if once.len() < met.len() || !met.iter().all(always) || !plain {
        return None;
    }
    // After each step: what the one is ahead, whether it is the second, whether they differ; with the texts that led there.
    let mut ways: BTreeMap<Way, (Vec<String>, Vec<String>)> = BTreeMap::new();
    ways.insert((String::new(), false, false), (vec![], vec![]));
    for texts in &parts {
        let mut next: BTreeMap<Way, (Vec<String>, Vec<String>)> = BTreeMap::new();
        for ((ahead, second, differ), (a, b)) in &ways {
            for (i, x) in texts.iter().enumerate() {
                for (j, y) in texts.iter().enumerate() {
                    let (left, right) = match second {
                        false => (format!("{ahead}{x}"), y.to_string()),
                        true => (x.to_string(), format!("{ahead}{y}")),
                    };
                    let rest = if let Some(rest) = left.strip_prefix(&right) {
                        (rest.to_string(), false)
                    } else if let Some(rest) = right.strip_prefix(&left) {
                        (rest.to_string(), true)
                    } else {
                        continue;
                    };
                    let way = (rest.0, rest.1, *differ || i != j);
                    if next.contains_key(&way) {
                        continue;
                    }
                    let (mut a, mut b) = (a.clone(), b.clone());
                    if texts.len() > 1 {
                        a.push(x.to_string());
                        b.push(y.to_string());
                    }
                    next.insert(way, (a, b));
                    if next.len() > WAYS {
                        return None;
                    }
                }
            }
        }
        ways = next;
    }
    let (a, b) = ways.get(&(String::new(), false, true))?;
    Some(format!(
        "two members have one text, that of {} and that of {}: put something between the choices",
        a.join(" "),
        b.join(" ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Site;

    fn of(texts: &[&[&str]], between: &str) -> Option<String> {
        let mut model = Model::default();
        let mut steps = vec![];
        for (s, t) in texts.iter().enumerate() {
            model
                .sites
                .push(Site::always(format!("s{s}"), t.iter().copied()));
            let rows = t.iter().enumerate().map(|(i, l)| (l.to_string(), vec![i]));
            steps.push(Step::Rows {
                sites: vec![s],
                rows: rows.collect(),
                table: crate::model::Table {
                    sites: vec![s],
                    values: t.iter().map(|l| l.to_string()).collect(),
                },
            });
            steps.push(Step::Literal(between.into()));
        }
        shared_text(&model, &steps)
    }

    #[test]
    fn texts_that_run_together_are_told() {
        assert!(of(&[&["1", "11"], &["1", "11"]], "").is_some());
        assert!(of(&[&["1", "11"], &["1", "11"]], "-").is_none());
        assert!(of(&[&["a", "ab"], &["c", "bc"]], "").is_some());
        assert!(of(&[&["a", "b"], &["c", "d"]], "").is_none());
        assert!(of(&[&["x", "x"]], "").is_some());
        // 52 digits, as published codes have them.
        let digits: &[&str] = &["0", "1", "2", "3", "4", "5", "6"];
        assert!(of(&[digits; 52], "").is_none());
    }
}
