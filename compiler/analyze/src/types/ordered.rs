//! What has no order, and what counts nothing: complex numbers, labels and tokens given to functions that calculate.

use super::Types;
use super::ty::{Elem, Ty};
use nas_diagnostics::{Diagnostic, Span};
use nas_grammar::ast::{FnDecl, Role};

/// Functions that need an order; complex numbers have none.
const ORDERED: &[&str] = &[
    "max",
    "min",
    "clamp",
    "rectify",
    "relu",
    "relu6",
    "leaky_relu",
    "sign",
    "round",
    "floor",
    "ceil",
    "argmax",
    "argmin",
    "sort",
    "order",
    "argsort",
    "median",
    "quantile",
    "max_pool",
    "max_pool2d",
    "batch_norm",
    "hard_swish",
    "hard_sigmoid",
];

/// Functions that calculate with what they are given.
const COUNTING: &[&str] = &[
    "sum", "mean", "var", "std", "exp", "log", "sqrt", "abs", "softmax", "cumsum", "norm", "prod",
];

impl Types<'_> {
    /// E0301: an order is asked of complex numbers, or arithmetic of what names something.
    pub(super) fn unordered(&mut self, decl: &FnDecl, ty: &Ty, at: Span) {
        if let Ty::Tensor(e @ (Elem::Label | Elem::Token)) = ty
            && decl.role == Role::Intrinsic
            && (COUNTING.contains(&&*decl.name.text) || ORDERED.contains(&&*decl.name.text))
        {
            self.report(
                Diagnostic::error(
                    "E0301",
                    format!(
                        "`{}` of a {}: it names something and counts nothing",
                        decl.name.text,
                        e.name()
                    ),
                )
                .at(at, format!("of {}", e.name()))
                .help("`one_hot(y, classes)` makes numbers of it"),
            );
        }
        if *ty == Ty::Tensor(Elem::Complex) && ORDERED.contains(&&*decl.name.text) {
            self.report(
                Diagnostic::error(
                    "E0301",
                    format!(
                        "`{}` needs an order, and complex numbers have none",
                        decl.name.text
                    ),
                )
                .at(at, "complex")
                .help("apart: `complex(f(re(z)), f(im(z)))`; or of the size, `abs(z)`"),
            );
        }
    }
}
