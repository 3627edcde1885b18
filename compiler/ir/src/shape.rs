//! Shapes and what can be wrong with them.

use crate::dim::{Dim, DimError};
use smallvec::SmallVec;
use std::fmt;

pub type Shape = SmallVec<[Dim; 4]>;

/// `[n, 3, 32, 32]`
pub struct Show<'a>(pub &'a [Dim]);

impl fmt::Display for Show<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[")?;
        for (i, d) in self.0.iter().enumerate() {
            write!(f, "{}{d}", if i > 0 { ", " } else { "" })?;
        }
        write!(f, "]")
    }
}

/// A shape rule that was broken; the evaluator adds the places and the choices.
#[derive(Debug, Clone, PartialEq)]
pub struct ShapeError {
    pub code: &'static str,
    pub message: String,
    /// Lines that show both sides aligned.
    pub facts: Vec<String>,
    /// The smallest assignment of choices (site, option) that shows it; empty where every member does.
    pub witness: Vec<(u32, usize)>,
}

impl ShapeError {
    pub fn new(message: impl Into<String>) -> Self {
        ShapeError {
            code: "E0401",
            message: message.into(),
            facts: vec![],
            witness: vec![],
        }
    }

    pub fn ranks(what: &str, want: usize, got: &[Dim]) -> Self {
        ShapeError {
            code: "E0403",
            message: format!("{what} takes {want} axes, and this has {}", got.len()),
            facts: vec![format!("shape  {}", Show(got))],
            witness: vec![],
        }
    }

    pub fn fact(mut self, text: impl Into<String>) -> Self {
        self.facts.push(text.into());
        self
    }

    pub fn witness(mut self, w: Vec<(u32, usize)>) -> Self {
        self.witness = w;
        self
    }
}

impl From<DimError> for ShapeError {
    fn from(e: DimError) -> Self {
        match e {
            DimError::NotWhole { value, by, witness } => ShapeError {
                code: "E0402",
                message: format!("{value} does not divide by {by}"),
                facts: vec![],
                witness,
            },
            DimError::TooManyChoices => ShapeError {
                code: "E0606",
                message: "this size depends on too many choices at once to be decided exactly"
                    .into(),
                facts: vec![],
                witness: vec![],
            },
            DimError::Overflow => ShapeError {
                code: "E0402",
                message: "this size does not fit in 64 bits".into(),
                facts: vec![],
                witness: vec![],
            },
            DimError::BadDivisor => ShapeError {
                code: "E0402",
                message:
                    "a size is divided by zero, or by something that is not known to divide it"
                        .into(),
                facts: vec![],
                witness: vec![],
            },
        }
    }
}

/// Right-aligned broadcast of two shapes.
pub fn broadcast(a: &[Dim], b: &[Dim]) -> Result<Shape, ShapeError> {
    let rank = a.len().max(b.len());
    let mut out = Shape::new();
    for i in 0..rank {
        let x = (i + a.len()).checked_sub(rank).map(|k| &a[k]);
        let y = (i + b.len()).checked_sub(rank).map(|k| &b[k]);
        out.push(match (x, y) {
            (Some(x), None) => x.clone(),
            (None, Some(y)) => y.clone(),
            (Some(x), Some(y)) if x.known() == Some(1) => y.clone(),
            (Some(x), Some(y)) if y.known() == Some(1) => x.clone(),
            (Some(x), Some(y)) => match x.same(y) {
                Ok(()) => x.clone(),
                Err(w) => {
                    return Err(ShapeError::new(format!(
                        "these shapes do not fit together: {x} against {y}"
                    ))
                    .fact(format!("left   {}", Show(a)))
                    .fact(format!("right  {}", Show(b)))
                    .witness(w));
                }
            },
            (None, None) => return Err(ShapeError::new("a broadcast of nothing")),
        });
    }
    Ok(out)
}

/// The product of the extents.
pub fn count(shape: &[Dim]) -> Result<Dim, DimError> {
    shape.iter().try_fold(Dim::Const(1), |a, d| a.mul(d))
}
