//! Polynomials in unknown extents, with tables over choices as coefficients.

use super::{Dim, DimError, Table};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What a polynomial is made of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Atom {
    /// A named unknown extent.
    Var(Arc<str>),
    /// A quotient that does not come out whole in general: floor or ceil of a polynomial by a number.
    Div { ceil: bool, of: Box<Poly>, by: i64 },
}

/// Atoms with their powers, ascending.
pub(super) type Monomial = Vec<(Atom, u32)>;

/// A sum of monomials with coefficients that may depend on choices.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Poly {
    pub(super) terms: BTreeMap<Monomial, Table<i64>>,
}

impl Poly {
    pub(super) fn each_site(&self, seen: &mut dyn FnMut(u32)) {
        for (m, c) in &self.terms {
            c.sites.iter().for_each(|s| seen(s.0));
            for (a, _) in m {
                if let Atom::Div { of, .. } = a {
                    of.each_site(seen);
                }
            }
        }
    }

    /// `floor(p / k) + c` as (p, k, c), where that is all.
    pub(super) fn inner_quotient(&self) -> Option<(Poly, i64, i64)> {
        let mut found = None;
        let mut constant = 0;
        for (m, c) in &self.terms {
            let [value] = c.values[..] else { return None };
            match m.as_slice() {
                [] => constant = value,
                [
                    (
                        Atom::Div {
                            ceil: false,
                            of,
                            by,
                        },
                        1,
                    ),
                ] if value == 1 && found.is_none() => {
                    found = Some(((**of).clone(), *by));
                }
                _ => return None,
            }
        }
        found.map(|(of, by)| (of, by, constant))
    }

    pub(super) fn add_term(&mut self, m: Monomial, c: Table<i64>) -> Result<(), DimError> {
        let sum = match self.terms.remove(&m) {
            None => c,
            Some(old) => old
                .zip(&c, |a, b| a.saturating_add(*b))
                .ok_or(DimError::TooManyChoices)?,
        };
        let sum = sum.simplify();
        if sum.values.iter().any(|v| *v != 0) {
            self.terms.insert(m, sum);
        }
        Ok(())
    }

    pub(super) fn into_dim(self) -> Dim {
        if self.terms.is_empty() {
            return Dim::Const(0);
        }
        if self.terms.len() == 1
            && let Some(t) = self.terms.get(&vec![])
        {
            let t = t.clone().simplify();
            if t.sites.is_empty() {
                return Dim::Const(t.values[0]);
            }
            return Dim::Poly(Arc::new(Poly {
                terms: BTreeMap::from([(vec![], t)]),
            }));
        }
        Dim::Poly(Arc::new(self))
    }
}

impl fmt::Display for Poly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (m, c)) in self.terms.iter().enumerate() {
            if i > 0 {
                write!(f, " + ")?;
            }
            let mut parts = vec![];
            if c.sites.is_empty() {
                if c.values[0] != 1 || m.is_empty() {
                    parts.push(c.values[0].to_string());
                }
            } else {
                let mut values = c.values.clone();
                values.sort_unstable();
                values.dedup();
                let shown: Vec<String> = values.iter().take(6).map(i64::to_string).collect();
                parts.push(format!(
                    "{{{}{}}}",
                    shown.join("|"),
                    if values.len() > 6 { "|…" } else { "" }
                ));
            }
            for (a, e) in m {
                let text = match a {
                    Atom::Var(v) => v.to_string(),
                    Atom::Div { ceil, of, by } => {
                        format!("{}(({of}) / {by})", if *ceil { "ceil" } else { "floor" })
                    }
                };
                parts.push(if *e == 1 { text } else { format!("{text}^{e}") });
            }
            write!(f, "{}", parts.join(" * "))?;
        }
        Ok(())
    }
}
