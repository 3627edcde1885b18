//! Tensors of any number of axes: what is refused of all of them is refused.

use super::check::Findings;
use crate::call::{self, Args};
use crate::ctx::Ctx;
use crate::value::{Element, FuncKind, Value};
use nas_diagnostics::{Diagnostic, Span};
use nas_ir::{DType, Dim, Tensor};

/// How many axes a tensor is given, one after the other: most bodies are of matrices, or of images. Numbers, without axes, often go
/// another way.
const COUNTS: [usize; 6] = [2, 4, 3, 1, 5, 6];

/// A tensor with so many axes.
pub(super) fn tensor(axes: usize) -> Value {
    let dims = (0..axes).map(|i| Dim::Const(6 + i as i64)).collect();
    let t = Tensor::symbol("stand-in", dims, DType::F32);
    Value::Tensor(t, Element::Float)
}

/// The missing axis that every number of axes meets at the same place.
pub(super) fn common(mut tried: impl FnMut(usize) -> Option<Diagnostic>) -> Findings {
    let mut common: Option<Diagnostic> = None;
    for axes in COUNTS {
        let Some(d) = tried(axes).filter(|d| d.code == "E0403") else {
            return vec![];
        };
        match &common {
            Some(c) if c.primary() != d.primary() => return vec![],
            Some(_) => {}
            None => common = Some(d),
        }
    }
    common.into_iter().collect()
}

/// Functions of one value that a `let` at the top holds.
pub(super) fn functions(ctx: &mut Ctx, v: &Value, item: Span) -> Findings {
    match v.plain() {
        Value::List(l) => l.iter().flat_map(|v| functions(ctx, v, item)).collect(),
        Value::Record(r) => r.values().flat_map(|v| functions(ctx, v, item)).collect(),
        Value::Func(f) => {
            let FuncKind::Lambda { params, .. } = &f.kind else {
                return vec![];
            };
            if params.len() != 1 || params[0].ty.is_some() || params[0].pattern.is_some() {
                return vec![];
            }
            common(|axes| {
                let d = *call::call(ctx, v.clone(), Args::one(tensor(axes), item))
                    .err()?
                    .0;
                let at = d.primary()?;
                let own = at.file == item.file && at.start >= item.start && at.end <= item.end;
                own.then_some(d)
            })
        }
        _ => vec![],
    }
}
