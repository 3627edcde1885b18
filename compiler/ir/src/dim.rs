//! Sizes: integers, unknown extents such as the batch `n`, and values that depend on open choices, in one normal form.
//!
//! A size is a polynomial in named unknowns whose coefficients are tables over the choices they depend on. Two sizes are
//! equal exactly when their normal forms are, so equality never ends in "cannot prove".

mod divide;
mod fix;
mod lenient;
mod poly;
mod table;

pub use lenient::{leniently, strictly};
pub use poly::{Atom, Poly};
pub use table::{Site, TABLE_LIMIT, Table};

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A size.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dim {
    Const(i64),
    Poly(Arc<Poly>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DimError {
    /// A quotient is not whole; where choices are to blame, the options that show it.
    NotWhole {
        value: i64,
        by: i64,
        witness: Vec<(u32, usize)>,
    },
    /// Depends on more choices at once than can be gone through.
    TooManyChoices,
    /// Larger than 64 bits.
    Overflow,
    /// Division by zero or by an unknown.
    BadDivisor,
}

impl Dim {
    pub fn var(name: impl Into<Arc<str>>) -> Dim {
        let mut p = Poly::default();
        p.terms
            .insert(vec![(Atom::Var(name.into()), 1)], Table::constant(1));
        Dim::Poly(Arc::new(p))
    }

    pub fn table(table: Table<i64>) -> Dim {
        let mut p = Poly::default();
        p.terms.insert(vec![], table);
        p.into_dim()
    }

    /// The number, where it depends on nothing.
    pub fn known(&self) -> Option<i64> {
        match self {
            Dim::Const(c) => Some(*c),
            Dim::Poly(_) => None,
        }
    }

    /// Gives the choices that it depends on, some perhaps more than once.
    pub fn each_site(&self, seen: &mut dyn FnMut(u32)) {
        if let Dim::Poly(p) = self {
            p.each_site(seen);
        }
    }

    /// The size as a table over choices, where it has no unknown extent.
    pub fn as_table(&self) -> Option<Table<i64>> {
        match self {
            Dim::Const(c) => Some(Table::constant(*c)),
            Dim::Poly(p) if p.terms.is_empty() => Some(Table::constant(0)),
            Dim::Poly(p) => match p.terms.iter().next() {
                Some((m, t)) if p.terms.len() == 1 && m.is_empty() => Some(t.clone()),
                _ => None,
            },
        }
    }

    fn poly(&self) -> Poly {
        match self {
            Dim::Const(0) => Poly::default(),
            Dim::Const(c) => Poly {
                terms: BTreeMap::from([(vec![], Table::constant(*c))]),
            },
            Dim::Poly(p) => (**p).clone(),
        }
    }

    pub fn add(&self, other: &Dim) -> Result<Dim, DimError> {
        if let (Dim::Const(a), Dim::Const(b)) = (self, other) {
            return a.checked_add(*b).map(Dim::Const).ok_or(DimError::Overflow);
        }
        let mut p = self.poly();
        for (m, c) in other.poly().terms {
            p.add_term(m, c)?;
        }
        Ok(p.into_dim())
    }

    /// # Errors
    /// [`DimError::Overflow`]: the least number has no negative in 64 bits.
    pub fn neg(&self) -> Result<Dim, DimError> {
        match self {
            Dim::Const(c) => c.checked_neg().map(Dim::Const).ok_or(DimError::Overflow),
            Dim::Poly(p) => {
                let mut values = p.terms.values().flat_map(|c| &c.values);
                if values.any(|v| *v == i64::MIN) {
                    return Err(DimError::Overflow);
                }
                let terms = p.terms.iter();
                let terms = terms.map(|(m, c)| (m.clone(), c.map(|v| -v))).collect();
                Ok(Poly { terms }.into_dim())
            }
        }
    }

    pub fn sub(&self, other: &Dim) -> Result<Dim, DimError> {
        self.add(&other.neg()?)
    }

    pub fn mul(&self, other: &Dim) -> Result<Dim, DimError> {
        if let (Dim::Const(a), Dim::Const(b)) = (self, other) {
            return a.checked_mul(*b).map(Dim::Const).ok_or(DimError::Overflow);
        }
        let (a, b) = (self.poly(), other.poly());
        let mut p = Poly::default();
        for (m, c) in &a.terms {
            for (k, d) in &b.terms {
                let mut product: BTreeMap<Atom, u32> = m.iter().cloned().collect();
                for (atom, e) in k {
                    *product.entry(atom.clone()).or_default() += e;
                }
                let mut overflow = false;
                let table = c
                    .zip(d, |x, y| {
                        x.checked_mul(*y).unwrap_or_else(|| {
                            overflow = true;
                            0
                        })
                    })
                    .ok_or(DimError::TooManyChoices)?;
                if overflow {
                    return Err(DimError::Overflow);
                }
                p.add_term(product.into_iter().collect(), table)?;
            }
        }
        Ok(p.into_dim())
    }

    pub fn max(&self, other: &Dim) -> Option<Dim> {
        Some(Dim::table(
            self.as_table()?.zip(&other.as_table()?, |a, b| *a.max(b))?,
        ))
    }

    /// Whether the two are equal for every choice, or where [`leniently`] for some of the unknown extents; else the options that show the difference (empty where none is to blame).
    pub fn same(&self, other: &Dim) -> Result<(), Vec<(u32, usize)>> {
        if self == other {
            return Ok(());
        }
        let Ok(d) = self.sub(other) else {
            return Err(vec![]);
        };
        if lenient::may_be_zero(&d) {
            return Ok(());
        }
        let Dim::Poly(p) = &d else {
            return if d == Dim::Const(0) {
                Ok(())
            } else {
                Err(vec![])
            };
        };
        for t in p.terms.values() {
            if let Some(i) = t.values.iter().position(|v| *v != 0) {
                return Err(t.assignment(i));
            }
        }
        Ok(())
    }

    /// Whether it is a positive number for every choice, as far as that can be seen (unknown extents count as positive).
    pub fn positive(&self) -> Result<(), Vec<(u32, usize)>> {
        match self {
            Dim::Const(c) if *c > 0 => Ok(()),
            Dim::Const(_) => Err(vec![]),
            Dim::Poly(_) => match self.as_table() {
                None => Ok(()),
                Some(t) => match t.values.iter().position(|v| *v <= 0) {
                    None => Ok(()),
                    Some(i) => Err(t.assignment(i)),
                },
            },
        }
    }
}

impl From<i64> for Dim {
    fn from(v: i64) -> Self {
        Dim::Const(v)
    }
}

impl From<usize> for Dim {
    fn from(v: usize) -> Self {
        Dim::Const(v as i64)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Const(c) => write!(f, "{c}"),
            Dim::Poly(p) => write!(f, "{p}"),
        }
    }
}

impl fmt::Debug for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(site: u32, values: &[i64]) -> Dim {
        Dim::table(Table {
            sites: vec![(site, values.len() as u32)],
            values: values.to_vec(),
        })
    }

    #[test]
    fn normal_form_decides_equality() {
        let (n, w) = (Dim::var("n"), open(3, &[8, 16]));
        let a = n.mul(&w).unwrap().add(&n).unwrap();
        let b = n.mul(&w.add(&Dim::Const(1)).unwrap()).unwrap();
        assert_eq!(a, b);
        assert_eq!(w.sub(&w).unwrap(), Dim::Const(0));
        assert!(w.same(&Dim::Const(8)).is_err_and(|at| at == vec![(3, 1)]));
    }

    #[test]
    fn quotients_are_whole_or_say_where_not() {
        let w = open(1, &[8, 12, 18]);
        assert_eq!(w.div(&Dim::Const(2)).unwrap(), open(1, &[4, 6, 9]));
        assert_eq!(
            w.div(&Dim::Const(4)),
            Err(DimError::NotWhole {
                value: 18,
                by: 4,
                witness: vec![(1, 2)]
            })
        );
        assert_eq!(w.ceil_div(&Dim::Const(4)).unwrap(), open(1, &[2, 3, 5]));
        let n = Dim::var("n");
        assert_eq!(n.mul(&w).unwrap().div(&n).unwrap(), w);
        assert_eq!(
            n.ceil_div(&Dim::Const(2))
                .unwrap()
                .substitute("n", 7)
                .unwrap(),
            Dim::Const(4)
        );
    }

    #[test]
    fn rounded_quotients_have_one_form() {
        let h = Dim::var("h");
        let two = Dim::Const(2);
        // What a window of 3 with a stride of 2 and padding leaves, twice.
        let half = |d: &Dim| {
            let room = d.add(&Dim::Const(2 - 3)).unwrap();
            room.floor_div(&two).unwrap().add(&Dim::Const(1)).unwrap()
        };
        assert_eq!(half(&h), h.ceil_div(&two).unwrap());
        assert_eq!(half(&half(&h)), h.ceil_div(&Dim::Const(4)).unwrap());
        let odd = h.mul(&two).unwrap().add(&Dim::Const(5)).unwrap();
        assert_eq!(odd.floor_div(&two).unwrap(), h.add(&two).unwrap());
        for n in [1, 6, 7, 8, 33] {
            let quarter = half(&half(&h)).substitute("h", n).unwrap();
            assert_eq!(quarter, Dim::Const((n + 3) / 4));
        }
    }

    #[test]
    fn tables_join_over_the_union_of_choices() {
        let p = open(0, &[1, 2]).mul(&open(1, &[10, 20, 30])).unwrap();
        assert_eq!(p.as_table().unwrap().values, vec![10, 20, 30, 20, 40, 60]);
        assert_eq!(p.restrict(0, 1), open(1, &[20, 40, 60]));
    }
}
