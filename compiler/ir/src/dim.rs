//! Sizes: integers, unknown extents such as the batch `n`, and values that depend on open choices, in one normal form.
//!
//! A size is a polynomial in named unknowns whose coefficients are tables over the choices they depend on. Two sizes are
//! equal exactly when their normal forms are, so equality never ends in "cannot prove".

mod lenient;

pub use lenient::{leniently, strictly};

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A choice, by its number in the space being elaborated, and its number of options.
pub type Site = (u32, u32);

/// A dense table over the options of `sites` (ascending by number; the first varies slowest).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Table<T> {
    pub sites: Vec<Site>,
    pub values: Vec<T>,
}

/// Tables larger than this are refused: the size depends on too many choices at once.
pub const TABLE_LIMIT: usize = 1 << 20;

impl<T: Clone> Table<T> {
    pub fn constant(value: T) -> Self {
        Table {
            sites: vec![],
            values: vec![value],
        }
    }

    /// Position in `values` for an assignment of options, given as a function of the site's number.
    pub fn index(&self, option: impl Fn(u32) -> usize) -> usize {
        self.sites
            .iter()
            .fold(0, |i, (s, n)| i * *n as usize + option(*s))
    }

    /// Goes through the union of both domains.
    pub fn zip<U: Clone, V>(
        &self,
        other: &Table<U>,
        mut f: impl FnMut(&T, &U) -> V,
    ) -> Option<Table<V>> {
        let mut sites = self.sites.clone();
        sites.extend(other.sites.iter().filter(|s| !self.sites.contains(s)));
        sites.sort_unstable();
        let size = sites
            .iter()
            .try_fold(1usize, |a, s| a.checked_mul(s.1 as usize))?;
        if size > TABLE_LIMIT {
            return None;
        }
        let mut values = Vec::with_capacity(size);
        let mut at = vec![0usize; sites.len()];
        let left: Vec<usize> = self
            .sites
            .iter()
            .filter_map(|s| sites.iter().position(|t| t == s))
            .collect();
        let right: Vec<usize> = other
            .sites
            .iter()
            .filter_map(|s| sites.iter().position(|t| t == s))
            .collect();
        for _ in 0..size {
            let i = left
                .iter()
                .zip(&self.sites)
                .fold(0, |i, (p, s)| i * s.1 as usize + at[*p]);
            let j = right
                .iter()
                .zip(&other.sites)
                .fold(0, |i, (p, s)| i * s.1 as usize + at[*p]);
            values.push(f(&self.values[i], &other.values[j]));
            for k in (0..sites.len()).rev() {
                at[k] += 1;
                if at[k] < sites[k].1 as usize {
                    break;
                }
                at[k] = 0;
            }
        }
        Some(Table { sites, values })
    }

    pub fn map<V>(&self, f: impl FnMut(&T) -> V) -> Table<V> {
        Table {
            sites: self.sites.clone(),
            values: self.values.iter().map(f).collect(),
        }
    }

    /// Fixes one choice.
    pub fn restrict(&self, site: u32, option: usize) -> Table<T> {
        let Some(p) = self.sites.iter().position(|s| s.0 == site) else {
            return self.clone();
        };
        let inner: usize = self.sites[p + 1..].iter().map(|s| s.1 as usize).product();
        let n = self.sites[p].1 as usize;
        let mut sites = self.sites.clone();
        sites.remove(p);
        let values = self
            .values
            .iter()
            .enumerate()
            .filter(|(i, _)| (i / inner) % n == option)
            .map(|(_, v)| v.clone())
            .collect();
        Table { sites, values }
    }

    /// The options that lead to entry `index`, as (site, option).
    pub fn assignment(&self, mut index: usize) -> Vec<(u32, usize)> {
        let mut out = vec![];
        for (s, n) in self.sites.iter().rev() {
            out.push((*s, index % *n as usize));
            index /= *n as usize;
        }
        out.reverse();
        out
    }
}

impl<T: Clone + PartialEq> Table<T> {
    /// Drops choices that make no difference.
    pub fn simplify(mut self) -> Self {
        let mut k = 0;
        while k < self.sites.len() {
            let (s, n) = self.sites[k];
            let first = self.restrict(s, 0);
            if (1..n as usize).all(|o| self.restrict(s, o).values == first.values) {
                self = first;
            } else {
                k += 1;
            }
        }
        self
    }
}

/// What a polynomial is made of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Atom {
    /// A named unknown extent.
    Var(Arc<str>),
    /// A quotient that does not come out whole in general: floor or ceil of a polynomial by a number.
    Div { ceil: bool, of: Box<Poly>, by: i64 },
}

type Monomial = Vec<(Atom, u32)>;

/// A sum of monomials with coefficients that may depend on choices.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Poly {
    terms: BTreeMap<Monomial, Table<i64>>,
}

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

    pub fn neg(&self) -> Dim {
        match self {
            Dim::Const(c) => Dim::Const(c.wrapping_neg()),
            Dim::Poly(p) => Poly {
                terms: p
                    .terms
                    .iter()
                    .map(|(m, c)| (m.clone(), c.map(|v| -v)))
                    .collect(),
            }
            .into_dim(),
        }
    }

    pub fn sub(&self, other: &Dim) -> Result<Dim, DimError> {
        self.add(&other.neg())
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

    /// The exact quotient, or where it is not whole.
    pub fn div(&self, other: &Dim) -> Result<Dim, DimError> {
        if let (Dim::Const(a), Dim::Const(b)) = (self, other) {
            if *b == 0 {
                return Err(DimError::BadDivisor);
            }
            return if a % b == 0 {
                Ok(Dim::Const(a / b))
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
            let table = c
                .zip(d, |x, y| {
                    if *y == 0 || x % y != 0 {
                        bad.get_or_insert((*x, *y));
                        0
                    } else {
                        x / y
                    }
                })
                .ok_or(DimError::TooManyChoices)?;
            if let Some((value, by)) = bad {
                if by == 0 {
                    return Err(DimError::BadDivisor);
                }
                let pairs = c.zip(d, |x, y| (*x, *y)).ok_or(DimError::TooManyChoices)?;
                let i = pairs
                    .values
                    .iter()
                    .position(|(x, y)| *y != 0 && x % y != 0)
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

    fn rounded_div(&self, by: &Dim, ceil: bool) -> Result<Dim, DimError> {
        if by.known() == Some(1) {
            return Ok(self.clone());
        }
        let op = |x: i64, y: i64| {
            if ceil {
                -((-x).div_euclid(y))
            } else {
                x.div_euclid(y)
            }
        };
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
                .zip(&quotient, |c, q| c - q * by)
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
                let of = Dim::Poly(Arc::new(of)).add(&Dim::Const(constant * inner))?;
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
                                        let v = if *ceil {
                                            -((-c).div_euclid(*by))
                                        } else {
                                            c.div_euclid(*by)
                                        };
                                        let factor = Table::constant(v.pow(*e));
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

fn c_restrict(c: &Table<i64>, site: u32, option: usize) -> Table<i64> {
    c.restrict(site, option)
}

fn c_mul(c: Table<i64>, d: &Table<i64>) -> Option<Table<i64>> {
    c.zip(d, |a, b| a.wrapping_mul(*b))
}

impl Poly {
    /// `floor(p / k) + c` as (p, k, c), where that is all.
    fn inner_quotient(&self) -> Option<(Poly, i64, i64)> {
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

    fn add_term(&mut self, m: Monomial, c: Table<i64>) -> Result<(), DimError> {
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

    fn into_dim(self) -> Dim {
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
