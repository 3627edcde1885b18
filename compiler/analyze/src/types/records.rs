//! Records that are written out where a declared one is asked for: each field by itself, none missing, none to spare.

use super::Types;
use super::fits::check;
use super::stmt::words;
use super::ty::{Ty, Unit};
use nas_diagnostics::{Diagnostic, Span, did_you_mean};
use nas_grammar::ast::*;
use std::sync::Arc;

impl Types<'_> {
    /// Holds a written record against the fields that are asked for, at any depth; false where the expression is not one.
    ///
    /// `who` names the place, as in "`point` of `norm`"; `declared` is where the type is written.
    pub(super) fn literal(&mut self, who: &str, want: &Ty, e: &Expr, declared: Span) -> bool {
        match (want.met(), &e.kind) {
            (Ty::Record(want), ExprKind::Record(fields)) => {
                self.written_record(who, &want.clone(), fields, e.span, declared)
            }
            (Ty::List(want), ExprKind::List(items)) => {
                let Ty::Record(_) = want.met() else {
                    return false;
                };
                let mut all = true;
                for item in items {
                    all &=
                        matches!(item, ListItem::Item(e) if self.literal(who, want, e, declared));
                }
                all
            }
            // The last value of a body is what it gives.
            (_, ExprKind::Block(b)) if b.stmts.is_empty() => match &b.value {
                Some(v) => self.literal(who, want, v, declared),
                None => false,
            },
            _ => false,
        }
    }

    fn written_record(
        &mut self,
        who: &str,
        want: &Arc<Vec<(Arc<str>, Ty)>>,
        fields: &[Field],
        at: Span,
        declared: Span,
    ) -> bool {
        let mut given: Vec<(&Ident, Option<&Expr>)> = vec![];
        for f in fields {
            match f {
                Field::Named { name, value } => given.push((name, Some(value))),
                Field::Short(name) => given.push((name, None)),
                Field::Computed { .. } | Field::Spread(_) => return false,
            }
        }
        let mut missing: Vec<Arc<str>> = want
            .iter()
            .map(|w| w.0.clone())
            .filter(|w| !given.iter().any(|g| g.0.text == *w))
            .collect();
        for (name, value) in &given {
            let Some((_, ty)) = want.iter().find(|w| w.0 == name.text) else {
                let mut d =
                    Diagnostic::error("E0303", format!("{who} has no field `{}`", name.text))
                        .at(name.span, "not asked for")
                        .at(declared, format!("it has {}", list_of(want)));
                match did_you_mean(&name.text, missing.clone()) {
                    Some(near) => {
                        missing.retain(|m| **m != *near);
                        d = match value {
                            Some(_) => d.did_you_mean(&near),
                            None => d
                                .help(format!("did you mean `{near}`?"))
                                .fix(name.span, format!("{near}: {}", name.text)),
                        };
                    }
                    None => d = d.help("take it out, or declare it in the type"),
                }
                self.report(d);
                continue;
            };
            let whose = format!("`{}` of {who}", name.text);
            if let Some(v) = value
                && self.literal(&whose, ty, v, declared)
            {
                continue;
            }
            let got = match value {
                Some(v) => self.quietly(|t| t.expr(v)),
                None => self.name(name),
            };
            let place = value.map_or(name.span, |v| v.span);
            if let Some(c) = check(ty, &got) {
                let message = match c.code {
                    "E0305" => format!("{whose} is in {}, and this is in {}", c.want, unit(&got)),
                    "E0304" => format!("{whose} must be known before anything runs"),
                    _ => format!("{whose} is {}, and this is {}", c.want, words(&got)),
                };
                let mut d = Diagnostic::error(c.code, message)
                    .at(place, words(&got))
                    .at(declared, "declared here");
                if c.code == "E0305" {
                    d = self.without_unit(d, place);
                }
                self.report(d);
            }
        }
        for name in missing {
            let mut d = Diagnostic::error("E0302", format!("{who} has no `{name}`"))
                .at(at, "not in this record")
                .at(declared, format!("asked for here: {}", list_of(want)))
                .help(format!("add `{name}: …`"));
            // One that is called nearly so would have been told above.
            if let Some((like, _)) = self.locals.iter().rev().find(|l| l.0 == name) {
                d = d.help(format!("`{like}` is in scope: write it into the record"));
            }
            self.report(d);
        }
        true
    }
}

fn list_of(fields: &[(Arc<str>, Ty)]) -> String {
    let names: Vec<&str> = fields.iter().map(|f| &*f.0).collect();
    names.join(", ")
}

fn unit(ty: &Ty) -> &'static str {
    match ty.met() {
        Ty::Num(n) => n.unit.unwrap_or(Unit::Bare).words(),
        _ => Unit::Bare.words(),
    }
}
