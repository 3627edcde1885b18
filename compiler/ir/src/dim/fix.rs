//! Sizes with less left open: a choice fixed, an unknown replaced by a number.

use super::divide::rounded;
use super::poly::{Atom, Monomial, Poly};
use super::{Dim, DimError, Table};
use std::sync::Arc;

impl Dim {
    /// Fixes one choice.
    pub fn restrict(&self, site: u32, option: usize) -> Dim {
        match self {
            Dim::Const(_) => self.clone(),
            Dim::Poly(p) => {
                let mut q = Poly::default();
                for (m, c) in &p.terms {
                    let mut m2: Monomial = vec![];
                    for (a, e) in m {
                        let a2 = match a {
                            Atom::Var(_) => a.clone(),
                            Atom::Div { ceil, of, by } => {
                                match Dim::Poly(Arc::new((**of).clone())).restrict(site, option) {
                                    Dim::Const(c) => {
                                        let v = rounded(c, *by, *ceil).saturating_pow(*e);
                                        let factor = Table::constant(v);
                                        if let Some(t) =
                                            c_mul(c_restrict(&p.terms[m], site, option), &factor)
                                        {
                                            let _ = q.add_term(vec![], t);
                                        }
                                        continue;
                                    }
                                    Dim::Poly(p) => Atom::Div {
                                        ceil: *ceil,
                                        of: Box::new((*p).clone()),
                                        by: *by,
                                    },
                                }
                            }
                        };
                        m2.push((a2, *e));
                    }
                    if m2.len() == m.len() {
                        let _ = q.add_term(m2, c.restrict(site, option));
                    }
                }
                q.into_dim()
            }
        }
    }

    /// The named unknown extents it depends on.
    pub fn unknowns(&self) -> Vec<Arc<str>> {
        fn of_poly(p: &Poly, out: &mut Vec<Arc<str>>) {
            for atom in p.terms.keys().flatten() {
                match &atom.0 {
                    Atom::Var(v) if !out.contains(v) => out.push(v.clone()),
                    Atom::Var(_) => {}
                    Atom::Div { of, .. } => of_poly(of, out),
                }
            }
        }
        let mut out = vec![];
        if let Dim::Poly(p) = self {
            of_poly(p, &mut out);
        }
        out
    }

    /// Puts a number in the place of a named unknown.
    pub fn substitute(&self, name: &str, value: i64) -> Result<Dim, DimError> {
        let Dim::Poly(p) = self else {
            return Ok(self.clone());
        };
        let mut sum = Dim::Const(0);
        for (m, c) in &p.terms {
            let mut term = Dim::table(c.clone());
            for (a, e) in m {
                let factor = match a {
                    Atom::Var(v) if &**v == name => Dim::Const(value),
                    Atom::Var(v) => Dim::var(v.clone()),
                    Atom::Div { ceil, of, by } => Dim::Poly(Arc::new((**of).clone()))
                        .substitute(name, value)?
                        .rounded_div(&Dim::Const(*by), *ceil)?,
                };
                for _ in 0..*e {
                    term = term.mul(&factor)?;
                }
            }
            sum = sum.add(&term)?;
        }
        Ok(sum)
    }
}

fn c_restrict(c: &Table<i64>, site: u32, option: usize) -> Table<i64> {
    c.restrict(site, option)
}

fn c_mul(c: Table<i64>, d: &Table<i64>) -> Option<Table<i64>> {
    c.zip(d, |a, b| a.wrapping_mul(*b))
}
