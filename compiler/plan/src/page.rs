//! The plan as a page of text, a section a part, empty sections left out.

use crate::{Cost, Plan, Space};
use std::fmt::Write;

/// Longer texts of stages and expectations are cut.
const WIDTH: usize = 100;

pub fn text(plan: &Plan) -> String {
    let mut out = format!("pipeline {} of {}\n", plan.pipeline, plan.file);
    let _ = writeln!(
        out,
        "language {}, library {}, seed {}",
        plan.language.version, plan.language.std, plan.seed
    );
    section(
        &mut out,
        "parameters",
        plan.parameters.iter().map(|p| {
            let set = if p.set { "  (set)" } else { "" };
            format!("{} = {}{set}", p.name, p.value)
        }),
    );
    section(&mut out, "conventions", plan.conventions.iter().cloned());
    section(&mut out, "spaces", plan.spaces.iter().flat_map(space));
    let wide = |f: &dyn Fn(&crate::Stage) -> usize| plan.stages.iter().map(f).max().unwrap_or(0);
    let (a, b) = (
        wide(&|s| s.name.chars().count()),
        wide(&|s| s.kind.chars().count()),
    );
    section(
        &mut out,
        "stages",
        plan.stages.iter().map(|s| {
            let shown = match &s.value {
                Some(v) => format!("{} = {v}", s.kind),
                None => format!("{:b$}  {}", s.kind, cut(&s.text)),
            };
            format!("{:a$}  {shown}", s.name)
        }),
    );
    section(&mut out, "reports", plan.reports.iter().map(|t| cut(t)));
    section(&mut out, "expects", plan.expects.iter().map(|t| cut(t)));
    section(&mut out, "budget", plan.budgets.iter().cloned());
    section(&mut out, "seals", plan.seals.iter().cloned());
    section(&mut out, "warnings", plan.warnings.iter().cloned());
    out
}

fn section(out: &mut String, name: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return;
    }
    let _ = writeln!(out, "\n{name}");
    lines.for_each(|l| _ = writeln!(out, "  {}", l.trim_end()));
}

fn space(s: &Space) -> Vec<String> {
    let raw = s.raw.as_deref().unwrap_or("too many to count");
    let size = match s.feasible.as_deref() {
        Some(f) if Some(f) == s.raw.as_deref() => format!("{raw} members"),
        Some(f) => format!("{f} members of {raw}"),
        None => format!("{raw} members, its conditions too hard to count"),
    };
    let mut out = vec![format!("{}: {size}, {} sites", s.name, s.sites)];
    out.extend(s.conditions.iter().map(|c| format!("  where {}", cut(c))));
    let wide = s.costs.iter().map(|c| c.name.chars().count()).max();
    let line = |c: &Cost| {
        let (wide, name) = (wide.unwrap_or(0), &c.name);
        format!(
            "  {name:wide$}  {} ..= {}, mean {:.1}",
            c.min, c.max, c.mean
        )
    };
    out.extend(s.costs.iter().map(line));
    out
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(WIDTH) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Parameter, Stage};

    #[test]
    fn a_page_lists_what_there_is() {
        let plan = Plan {
            pipeline: "main".into(),
            file: "a.nas".into(),
            parameters: vec![Parameter {
                name: "n".into(),
                value: "5".into(),
                set: true,
            }],
            spaces: vec![Space {
                name: "nets".into(),
                conditions: vec!["macs <= 5".into()],
                sites: 2,
                raw: Some("9".into()),
                feasible: Some("8".into()),
                costs: vec![Cost {
                    name: "params".into(),
                    min: 1,
                    mean: 2.0,
                    max: 3,
                }],
            }],
            stages: vec![Stage {
                name: "archs".into(),
                kind: "a list".into(),
                value: None,
                text: "sample(nets, n)".into(),
            }],
            ..Plan::default()
        };
        let text = plan.text();
        for line in [
            "pipeline main of a.nas\n",
            "\nparameters\n  n = 5  (set)\n",
            "\nspaces\n  nets: 8 members of 9, 2 sites\n    where macs <= 5\n    params  1 ..= 3, mean 2.0\n",
            "\nstages\n  archs  a list  sample(nets, n)\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert!(!text.contains("expects"));
        assert_eq!(plan.json()["spaces"][0]["raw"], "9");
    }
}
