//! Two arguments of a call that stand in each other's place.

use super::Types;
use super::fits::differ;
use super::stmt::words;
use super::ty::{Decl, Ty};
use nas_diagnostics::Diagnostic;
use nas_grammar::ast::*;

impl Types<'_> {
    /// E0301: two arguments that stand in each other's place.
    pub(super) fn swapped(
        &mut self,
        d: &Decl,
        params: &[Param],
        args: &[Arg],
        given: &[Ty],
    ) -> bool {
        if d.decl.role == Role::Intrinsic || args.iter().any(|a| a.name.is_some()) {
            return false;
        }
        let wants: Vec<Ty> = params
            .iter()
            .map(|p| p.ty.as_ref().map_or(Ty::Any, |t| self.of(t)))
            .collect();
        for i in 0..args.len().min(params.len()) {
            for j in i + 1..args.len().min(params.len()) {
                // One that is certainly the other's, where nothing is known of the other one.
                let stray = |a: usize, b: usize| {
                    differ(&wants[a], &given[a])
                        && given[b] == Ty::Any
                        && std::mem::discriminant(wants[b].met())
                            == std::mem::discriminant(given[a].met())
                };
                let wrong = differ(&wants[i], &given[i]) && differ(&wants[j], &given[j])
                    || stray(i, j)
                    || stray(j, i);
                let right = !differ(&wants[i], &given[j]) && !differ(&wants[j], &given[i]);
                if !wrong || !right {
                    continue;
                }
                let (a, b) = (args[i].value.span, args[j].value.span);
                let (x, y) = (&params[i].name.text, &params[j].name.text);
                self.report(
                    Diagnostic::error(
                        "E0301",
                        format!(
                            "`{x}` and `{y}` of `{}` stand in each other's place",
                            d.decl.name.text
                        ),
                    )
                    .at(
                        a,
                        format!("{}, where `{x}` is {}", words(&given[i]), words(&wants[i])),
                    )
                    .at(
                        b,
                        format!("{}, where `{y}` is {}", words(&given[j]), words(&wants[j])),
                    )
                    .at(params[i].span, "declared here")
                    .help("swap the two")
                    .fix(a, self.sources.text(b))
                    .fix(b, self.sources.text(a)),
                );
                return true;
            }
        }
        false
    }
}
