//! What a run found: reports, expectations and budgets, as JSON that is the same in every run and as text for people.

use crate::front::Front;
use nas_diagnostics::{Diagnostic, Span};
use nas_eval::Fault;
use nas_eval::ctx::Ctx;
use nas_eval::pipeline::{self, Expectation};
use nas_eval::show;
use nas_eval::value::{Unit, Value};
use serde_json::{Map, Value as Json, json};
use std::time::Duration;

pub use crate::show::progress::time;

#[derive(Debug, Default)]
pub struct Results {
    pub reports: Vec<(String, Json)>,
    pub expects: Vec<Expect>,
    /// Stages that ended as invalid, with the reason.
    pub invalid: Vec<(std::sync::Arc<str>, std::sync::Arc<str>)>,
    budget: Vec<(f64, Unit, Span)>,
}

#[derive(Debug)]
pub struct Expect {
    span: Span,
    pub text: String,
    /// None where it could not be decided.
    pub holds: Option<bool>,
    pub left: Json,
    pub right: Json,
    pub reason: Option<String>,
}

impl Expect {
    pub fn of(ctx: &mut Ctx, front: &Front, e: &Expectation) -> Result<Expect, Fault> {
        let mut side = |v: &Option<Value>| match v {
            Some(v) => show::json(ctx, v),
            None => Ok(Json::Null),
        };
        Ok(Expect {
            span: e.span,
            text: front.text(e.span),
            holds: e.holds,
            left: side(&e.left)?,
            right: side(&e.right)?,
            reason: e.reason.clone(),
        })
    }

    /// E0707, unless it holds.
    pub fn finding(&self) -> Option<Diagnostic> {
        if self.holds == Some(true) {
            return None;
        }
        let (message, label) = match &self.reason {
            Some(reason) => ("this `expect` cannot be decided", reason.as_str()),
            None => ("this `expect` does not hold", "false"),
        };
        let mut d = Diagnostic::error("E0707", message).at(self.span, label);
        for (name, v) in [("left ", &self.left), ("right", &self.right)] {
            if !v.is_null() {
                d = d.note(format!("{name} {}", short(v)));
            }
        }
        Some(d)
    }

    /// `✓ a == b`, or `✗ a == b` with both sides below it.
    pub fn lines(&self) -> String {
        let sign = match self.holds {
            Some(true) => "✓",
            Some(false) => "✗",
            None => "?",
        };
        let mut out = format!("{sign} {}\n", self.text);
        if self.holds == Some(true) {
            return out;
        }
        if let Some(reason) = &self.reason {
            out.push_str(&format!("    not decided: {reason}\n"));
        }
        for (name, v) in [("left", &self.left), ("right", &self.right)] {
            if !v.is_null() {
                out.push_str(&format!("    {name:5} {}\n", short(v)));
            }
        }
        out
    }
}

/// A value on one line, at most 200 characters.
fn short(v: &Json) -> String {
    let text = match v {
        Json::Number(n) if !n.is_i64() && !n.is_u64() => {
            n.as_f64().map_or_else(|| n.to_string(), show::number_text)
        }
        Json::String(s) => s.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(200) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

impl Results {
    /// Computes what is reported; faults on the way are added to the findings.
    pub fn of(
        ctx: &mut Ctx,
        front: &Front,
        out: &pipeline::Outcome,
        found: &mut Vec<Diagnostic>,
    ) -> Results {
        let mut results = Results::default();
        for r in &out.reports {
            let name = match &r.name {
                Some(name) => name.to_string(),
                None => front.text(r.span),
            };
            match show::json(ctx, &r.value) {
                Ok(value) => {
                    let name = results.free(name);
                    results.reports.push((name, value));
                }
                Err(Fault(d)) => found.push(*d),
            }
        }
        for e in &out.expects {
            match Expect::of(ctx, front, e) {
                Ok(e) => results.expects.push(e),
                Err(Fault(d)) => found.push(*d),
            }
        }
        for (v, span) in &out.budget {
            match v.plain() {
                Value::Int(n, unit) => results.budget.push((*n as f64, *unit, *span)),
                Value::Float(n, unit) => results.budget.push((*n, *unit, *span)),
                _ => {}
            }
        }
        results
    }

    /// The name, or the name with a number where it is taken.
    fn free(&self, name: String) -> String {
        let taken = |n: &str| self.reports.iter().any(|(r, _)| r == n);
        if !taken(&name) {
            return name;
        }
        let numbered = (2..).map(|i| format!("{name} ({i})"));
        numbered.into_iter().find(|n| !taken(n)).unwrap_or(name)
    }

    /// Whether every expectation was decided and holds.
    pub fn all_hold(&self) -> bool {
        self.expects.iter().all(|e| e.holds == Some(true))
    }

    /// A finding for each expectation that does not hold or was not decided.
    pub fn broken(&self) -> impl Iterator<Item = Diagnostic> + '_ {
        self.expects.iter().filter_map(Expect::finding)
    }

    /// `results.json`: no times and no paths.
    pub fn json(&self) -> Json {
        let reports: Map<String, Json> = self.reports.iter().cloned().collect();
        let expects: Vec<Json> = self
            .expects
            .iter()
            .map(|e| {
                let mut o =
                    json!({ "text": e.text, "holds": e.holds, "left": e.left, "right": e.right });
                if let (Some(o), Some(reason)) = (o.as_object_mut(), &e.reason) {
                    o.insert("reason".into(), json!(reason));
                }
                o
            })
            .collect();
        let mut out = json!({ "reports": reports, "expects": expects });
        if !self.invalid.is_empty() {
            let stages: Vec<Json> = self
                .invalid
                .iter()
                .map(|(stage, reason)| json!({ "stage": &**stage, "reason": &**reason }))
                .collect();
            out["invalid"] = json!({ "count": stages.len(), "stages": stages });
        }
        out
    }

    /// The report on stdout.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (name, v) in &self.reports {
            out.push_str(&show::report_text(v, name));
            out.push('\n');
        }
        if !self.reports.is_empty() && !self.expects.is_empty() {
            out.push('\n');
        }
        out.extend(self.expects.iter().map(Expect::lines));
        if !self.invalid.is_empty() {
            let many = if self.invalid.len() == 1 {
                "stage"
            } else {
                "stages"
            };
            out.push_str(&format!("{} {many} ended as invalid\n", self.invalid.len()));
            for (stage, reason) in &self.invalid {
                out.push_str(&format!("    {stage}: {reason}\n"));
            }
        }
        out
    }

    /// Warnings for budgets that the run went beyond.
    pub fn over_budget(&self, took: Duration) -> Vec<Diagnostic> {
        let over = |(limit, unit, span): &(f64, Unit, Span)| {
            let (used, text) = match unit {
                Unit::Seconds => (took.as_secs_f64(), time(took)),
                Unit::Bytes => {
                    let peak = peak_memory()?;
                    (peak, format!("{} MB at its peak", (peak / 1e6).ceil()))
                }
                _ => return None,
            };
            (used > *limit).then(|| {
                Diagnostic::warning("E0604", format!("the run took {text}, beyond its budget"))
                    .at(*span, "the budget")
            })
        };
        self.budget.iter().filter_map(over).collect()
    }
}

/// The largest resident size of this process so far, in bytes, where the system tells it.
pub fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expect(holds: Option<bool>) -> Expect {
        Expect {
            span: Span::default(),
            text: "a > b".into(),
            holds,
            left: json!(0.1 + 0.2),
            right: json!(1),
            reason: None,
        }
    }

    #[test]
    fn an_expectation_shows_its_sides_when_it_fails() {
        assert_eq!(expect(Some(true)).lines(), "✓ a > b\n");
        assert_eq!(
            expect(Some(false)).lines(),
            "✗ a > b\n    left  0.3\n    right 1\n"
        );
    }

    #[test]
    fn names_are_told_apart_and_undecided_is_not_held() {
        let mut r = Results::default();
        for _ in 0..3 {
            let name = r.free("tau".into());
            r.reports.push((name, json!(1)));
        }
        let names: Vec<&str> = r.reports.iter().map(|r| &*r.0).collect();
        assert_eq!(names, ["tau", "tau (2)", "tau (3)"]);
        assert!(r.all_hold());
        r.expects.push(expect(None));
        assert!(!r.all_hold());
        assert_eq!(r.json()["expects"][0]["holds"], Json::Null);
    }
}
