//! Quotients of sizes: exact, or rounded in one form.

use super::poly::{Atom, Poly};
use super::{Dim, DimError, Table};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The quotient by a positive number, down or up to a whole one.
pub(super) fn rounded(value: i64, by: i64, ceil: bool) -> i64 {
    let part = ceil && value.rem_euclid(by) != 0;
    value.div_euclid(by) + i64::from(part)
}

impl Dim {
    /// The exact quotient, or where it is not whole.
    pub fn div(&self, other: &Dim) -> Result<Dim, DimError> {
        if let (Dim::Const(a), Dim::Const(b)) = (self, other) {
            if *b == 0 {
                return Err(DimError::BadDivisor);
            }
            let (Some(rest), Some(whole)) = (a.checked_rem(*b), a.checked_div(*b)) else {
                return Err(DimError::Overflow);
            };
            return if rest == 0 {
                Ok(Dim::Const(whole))
            } else {
                Err(DimError::NotWhole {
                    value: *a,
                    by: *b,
                    witness: vec![],
                })
            };
        }
        if self == other {
            return Ok(Dim::Const(1));
        }
        // One monomial divides each monomial of the numerator, coefficients by going through the choices.
        let (a, b) = (self.poly(), other.poly());
        let mut divisor = b.terms.iter();
        let (Some((m, d)), None) = (divisor.next(), divisor.next()) else {
            return Err(DimError::BadDivisor);
        };
        let mut p = Poly::default();
        for (k, c) in &a.terms {
            let mut rest: BTreeMap<Atom, u32> = k.iter().cloned().collect();
            for (atom, e) in m {
                match rest.get_mut(atom) {
                    Some(x) if *x >= *e => *x -= e,
                    _ => return Err(DimError::BadDivisor),
                }
            }
            rest.retain(|_, e| *e > 0);
            let mut bad = None;
            let mut overflow = false;
            let table = c
                .zip(d, |x, y| {
                    if *y == 0 || x.wrapping_rem(*y) != 0 {
                        bad.get_or_insert((*x, *y));
                        0
                    } else {
                        x.checked_div(*y).unwrap_or_else(|| {
                            overflow = true;
                            0
                        })
                    }
                })
                .ok_or(DimError::TooManyChoices)?;
            if overflow {
                return Err(DimError::Overflow);
            }
            if let Some((value, by)) = bad {
                if by == 0 {
                    return Err(DimError::BadDivisor);
                }
                let pairs = c.zip(d, |x, y| (*x, *y)).ok_or(DimError::TooManyChoices)?;
                let i = pairs
                    .values
                    .iter()
                    .position(|(x, y)| *y != 0 && x.wrapping_rem(*y) != 0)
                    .unwrap_or(0);
                return Err(DimError::NotWhole {
                    value,
                    by,
                    witness: pairs.assignment(i),
                });
            }
            p.add_term(rest.into_iter().collect(), table)?;
        }
        Ok(p.into_dim())
    }

    pub fn ceil_div(&self, by: &Dim) -> Result<Dim, DimError> {
        self.rounded_div(by, true)
    }

    pub fn floor_div(&self, by: &Dim) -> Result<Dim, DimError> {
        self.rounded_div(by, false)
    }

    pub(super) fn rounded_div(&self, by: &Dim, ceil: bool) -> Result<Dim, DimError> {
        if by.known() == Some(1) {
            return Ok(self.clone());
        }
        let op = |x, y| rounded(x, y, ceil);
        if let (Some(a), Some(b)) = (self.as_table(), by.as_table()) {
            if b.values.iter().any(|v| *v <= 0) {
                return Err(DimError::BadDivisor);
            }
            return Ok(Dim::table(
                a.zip(&b, |x, y| op(*x, *y))
                    .ok_or(DimError::TooManyChoices)?,
            ));
        }
        if let Ok(whole) = self.div(by) {
            return Ok(whole);
        }
        let Some(by) = by.known().filter(|b| *b > 0) else {
            return Err(DimError::BadDivisor);
        };
        // One form: rounded down, whole multiples outside, a quotient of a quotient as one.
        let of = match ceil {
            true => self.add(&Dim::Const(by - 1))?,
            false => self.clone(),
        };
        let (mut whole, mut rest) = (Poly::default(), Poly::default());
        for (m, c) in of.poly().terms {
            let quotient = match m.is_empty() {
                true => c.map(|v| v.div_euclid(by)),
                false if c.values.iter().all(|v| v % by == 0) => c.map(|v| v / by),
                false => c.map(|_| 0),
            };
            let left = c
                .zip(&quotient, |c, q| c.wrapping_sub(q.wrapping_mul(by)))
                .ok_or(DimError::TooManyChoices)?;
            whole.add_term(m.clone(), quotient)?;
            rest.add_term(m, left)?;
        }
        // What is left of the constant is less than one whole.
        if rest.terms.iter().all(|(m, _)| m.is_empty()) {
            return Ok(whole.into_dim());
        }
        let atom = match rest.inner_quotient() {
            Some((of, inner, constant)) => {
                let whole_of = constant.checked_mul(inner).ok_or(DimError::Overflow)?;
                let of = Dim::Poly(Arc::new(of)).add(&Dim::Const(whole_of))?;
                let both = by.checked_mul(inner).ok_or(DimError::Overflow)?;
                return of
                    .rounded_div(&Dim::Const(both), false)?
                    .add(&whole.into_dim());
            }
            None => Atom::Div {
                ceil: false,
                of: Box::new(rest),
                by,
            },
        };
        whole.add_term(vec![(atom, 1)], Table::constant(1))?;
        Ok(whole.into_dim())
    }
}
