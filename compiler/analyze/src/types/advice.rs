//! What to type instead, where the text tells: quotes around a number, a condition that is no comparison, a function left out.

use super::Types;
use super::ty::{Num, Ty};
use nas_diagnostics::{Diagnostic, Span};
use nas_grammar::ast::*;
use std::sync::Arc;

/// Words for true and for false in texts of other programs.
const YES: &[&str] = &["true", "yes", "on", "1"];
const NO: &[&str] = &["false", "no", "off", "0"];

impl Types<'_> {
    /// `"3"` where 3 is meant, `"width"` where the name in scope is.
    pub(super) fn unquoted(&self, d: Diagnostic, at: Span) -> Diagnostic {
        if !d.fixes.is_empty() {
            return d;
        }
        let written = self.sources.text(at);
        let Some(inner) = written.strip_prefix('"').and_then(|t| t.strip_suffix('"')) else {
            return d;
        };
        let plain = inner.replace('_', "");
        let number = plain
            .trim_end_matches('%')
            .parse::<f64>()
            .is_ok_and(f64::is_finite)
            && inner.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        let named = || {
            let local = self.locals.iter().rev().find(|l| *l.0 == *inner);
            local.is_some_and(|l| matches!(l.1.met(), Ty::Num(_) | Ty::Any))
        };
        match number || named() {
            true => d
                .help(format!("take the quotes away: `{inner}`"))
                .fix(at, inner),
            false => d,
        }
    }

    /// How something that is neither true nor false is made a condition.
    pub(super) fn as_condition(&self, d: Diagnostic, e: &Expr, ty: &Ty) -> Diagnostic {
        let text = self.sources.text(e.span);
        let simple = matches!(
            e.kind,
            ExprKind::Name(_)
                | ExprKind::Field { .. }
                | ExprKind::Call { .. }
                | ExprKind::Index { .. }
                | ExprKind::TupleField { .. }
        );
        let side = if simple {
            text.to_string()
        } else {
            format!("({text})")
        };
        let instead = match (&e.kind, ty.met()) {
            (ExprKind::Text(t), _) => {
                let word = t.raw.trim().to_ascii_lowercase();
                match (YES.contains(&&*word), NO.contains(&&*word)) {
                    (true, _) => "true".to_string(),
                    (_, true) => "false".to_string(),
                    _ => return d.help("compare it with something: `kind == \"…\"`"),
                }
            }
            (ExprKind::Number(_), _) => match self.sources.text(e.span).parse::<f64>() {
                Ok(0.0) => "false".to_string(),
                _ => "true".to_string(),
            },
            (_, Ty::Num(Num { .. })) => format!("{side} != 0"),
            (_, Ty::List(_)) => format!("len({text}) > 0"),
            (_, Ty::Text) => return d.help(format!("compare it: `{side} == \"…\"`")),
            _ => return d.help("a condition compares: `a == b`, `a > b`, `a is b`"),
        };
        d.help(format!("write `{instead}`")).fix(e.span, instead)
    }

    /// A space in scope, where it is the only one that the file declares or imports.
    pub(super) fn only_space(&self) -> Option<Arc<str>> {
        let mut found = None;
        for (name, entry) in &self.program.modules[self.module].scope {
            let nas_eval::program::ScopeEntry::Global(id) = entry else {
                continue;
            };
            let ItemKind::Space(d) = &self.program.item(*id).kind else {
                continue;
            };
            if d.params.iter().any(|p| p.default.is_none()) || found.is_some() {
                return None;
            }
            found = Some(name.clone());
        }
        found
    }
}

/// The function of data that takes such arguments.
pub(super) fn data_function(args: &[Arg]) -> Option<&'static str> {
    let named = |names: &[&str]| {
        (args.iter().filter_map(|a| a.name.as_ref())).any(|n| names.contains(&&*n.text))
    };
    let first = args.first().map(|a| &a.value.kind);
    match first {
        _ if named(&["epochs", "steps", "count"]) => Some("batches"),
        _ if named(&["train", "valid", "test"]) => Some("split"),
        Some(ExprKind::Lambda { .. }) if args.len() == 1 => Some("map"),
        _ => None,
    }
}
