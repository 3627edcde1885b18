//! The plan as a page of text: sections at the margin, entries below them, facts of an entry below it.

use crate::{Cost, Curriculum, Plan, Space, Stage, Work};
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
    section(&mut out, "data", plan.data.iter().cloned());
    section(&mut out, "spaces", plan.spaces.iter().flat_map(space));
    section(&mut out, "stages", plan.stages.iter().flat_map(stage));
    section(
        &mut out,
        "curricula",
        plan.curricula.iter().flat_map(curriculum),
    );
    section(&mut out, "seals", plan.seals.iter().map(|t| cut(t)));
    let let_out = plan.disclosures.iter().map(|t| cut(t));
    section(&mut out, "disclosures", let_out);
    let memory = plan.memory.iter().flat_map(|m| {
        [
            format!("peak {} with one job", at_the_most(m.peak, m.as_drawn(1))),
            format!(
                "  program {}, data {}, compiled graphs {}, weights that are held {}",
                bytes(m.base),
                bytes(m.data),
                bytes(m.kept),
                bytes(m.results)
            ),
            format!(
                "  largest stage {}: {}",
                at_the_most(m.stage, m.likely),
                m.at
            ),
        ]
    });
    section(&mut out, "memory", memory);
    section(
        &mut out,
        "budget",
        plan.budgets
            .iter()
            .map(|b| format!("{}  {}", b.text, b.state)),
    );
    section(&mut out, "reports", plan.reports.iter().map(|t| cut(t)));
    section(&mut out, "expects", plan.expects.iter().map(|t| cut(t)));
    section(&mut out, "warnings", plan.warnings.iter().cloned());
    section(
        &mut out,
        "code",
        plan.code.iter().map(|d| {
            let value = d.value.as_deref().map(|v| format!(" = {}", cut(v)));
            format!(
                "{} {}.{}{}  {}",
                d.kind,
                d.module,
                d.name,
                value.unwrap_or_default(),
                d.digest
            )
        }),
    );
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
    if !s.modulo.is_empty() {
        let count = s.distinct.as_deref().unwrap_or("too many to count");
        let rules = s.modulo.join(", ");
        out.push(format!("  modulo {}: {count} classes", cut(&rules)));
    }
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

fn stage(s: &Stage) -> Vec<String> {
    let shown = match &s.value {
        Some(v) => format!("{} = {v}", s.kind),
        None => format!("{}  {}", s.kind, cut(&s.text)),
    };
    let mut out = vec![format!("{}: {shown}", s.name)];
    if !s.after.is_empty() {
        out.push(format!("  after  {}", s.after.join(", ")));
    }
    out.push(format!("  key    {}", s.key));
    if !s.effects.is_empty() {
        out.push(format!("  does   {}", s.effects.join(", ")));
    }
    if let Some(b) = s.artefact_bytes {
        out.push(format!("  keeps  {}", bytes(b)));
    }
    out.extend(s.work.iter().flat_map(work));
    out
}

fn work(w: &Work) -> Vec<String> {
    let mut head = format!("  {}:", w.path);
    if w.times != 1 || !w.exact {
        let least = if w.exact { "" } else { "at least " };
        let _ = write!(head, " {least}{} times", grouped(w.times));
    }
    if let Some(by) = &w.by {
        let _ = write!(head, " {by}");
    }
    if let Some(s) = w.seed {
        let _ = write!(head, " seed {s}");
    }
    if let Some(d) = &w.draws {
        let _ = write!(head, " draws {d}");
    }
    let mut facts = vec![];
    if w.steps > 0 {
        facts.push(format!("{} steps of {}", grouped(w.steps), w.batch));
    }
    if w.images > 0 {
        facts.push(format!("{} images", grouped(w.images)));
    }
    let mut out = vec![head];
    if !facts.is_empty() {
        out.push(format!("    work    {}", facts.join(", ")));
    }
    if let Some(c) = &w.macs {
        out.push(match c.min == c.max {
            true => format!("    MACs    {}", grouped(c.max as u64)),
            false => format!(
                "    MACs    {} ..= {}, mean {}",
                grouped(c.min as u64),
                grouped(c.max as u64),
                grouped(c.mean.round() as u64)
            ),
        });
    }
    if let Some(p) = w.params {
        let kept = w.bytes.map(|b| format!(", {} kept", bytes(b)));
        out.push(format!(
            "    params  {}{}",
            grouped(p),
            kept.unwrap_or_default()
        ));
    }
    if let Some(m) = w.memory {
        let likely = w.likely.unwrap_or(m);
        out.push(format!("    memory  {}", at_the_most(m, likely)));
    }
    out
}

fn curriculum(c: &Curriculum) -> Vec<String> {
    let mut rows = vec![("from".to_string(), c.settings.clone())];
    for (at, values) in &c.phases {
        let shown = values.iter().map(|v| v.clone().unwrap_or("-".into()));
        rows.push((at.clone(), shown.collect()));
    }
    let width = |i: usize| rows.iter().map(|r| r.1[i].chars().count()).max();
    let first = rows.iter().map(|r| r.0.chars().count()).max().unwrap_or(0);
    let mut out = vec![format!("{}:", c.name)];
    for (at, values) in &rows {
        let mut line = format!("  {at:first$}");
        for (i, v) in values.iter().enumerate() {
            let wide = width(i).unwrap_or(0);
            let _ = write!(line, "  {v:wide$}");
        }
        out.push(line);
    }
    out.extend(c.events.iter().map(|e| format!("  {}", cut(e))));
    out
}

/// `1,234,567`
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// In MB of a million bytes, with enough digits for small ones.
pub fn bytes(n: u64) -> String {
    match n {
        0..1_000 => format!("{n} B"),
        1_000..1_000_000 => format!("{:.1} kB", n as f64 / 1e3),
        _ => format!("{:.1} MB", n as f64 / 1e6),
    }
}

/// `14.2 MB at the most, 9.0 MB as drawn`; one figure where it is the same.
fn at_the_most(most: u64, drawn: u64) -> String {
    match bytes(most) == bytes(drawn) {
        true => bytes(most),
        false => format!("{} at the most, {} as drawn", bytes(most), bytes(drawn)),
    }
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
    use crate::Parameter;

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
                modulo: vec!["[fold]".into()],
                raw: Some("9".into()),
                feasible: Some("8".into()),
                distinct: Some("5".into()),
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
                text: "sample(nets, n)".into(),
                key: "0123".into(),
                after: vec!["n".into()],
                work: vec![Work {
                    path: "archs".into(),
                    times: 1,
                    exact: true,
                    images: 12_345,
                    ..Work::default()
                }],
                ..Stage::default()
            }],
            curricula: vec![Curriculum {
                name: "extent".into(),
                settings: vec!["open".into(), "cycle".into()],
                phases: vec![
                    ("0%".into(), vec![Some("1".into()), None]),
                    ("20%".into(), vec![Some("2".into()), Some("1".into())]),
                ],
                events: vec!["on change(c.open)".into()],
            }],
            ..Plan::default()
        };
        let text = plan.text();
        for line in [
            "pipeline main of a.nas\n",
            "\nparameters\n  n = 5  (set)\n",
            "\nspaces\n  nets: 8 members of 9, 2 sites\n    where macs <= 5\n    modulo [fold]: 5 classes\n    params  1 ..= 3, mean 2.0\n",
            "\nstages\n  archs: a list  sample(nets, n)\n    after  n\n    key    0123\n    archs:\n      work    12,345 images\n",
            "\ncurricula\n  extent:\n    from  open  cycle\n    0%    1     -\n    20%   2     1\n    on change(c.open)\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert!(!text.contains("expects"));
        assert_eq!(plan.json()["spaces"][0]["raw"], "9");
    }
}
