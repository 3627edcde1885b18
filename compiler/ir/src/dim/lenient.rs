//! Sizes of a signature that stand for any number: two that can be equal for some callers are no mistake of the block itself.

use super::Dim;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

thread_local! {
    static LENIENT: Cell<bool> = const { Cell::new(false) };
    /// Unknowns that a comparison was let through for: what they are is the callers' affair.
    static TIED: RefCell<Vec<Arc<str>>> = const { RefCell::new(Vec::new()) };
}

/// Compares sizes leniently while `f` runs.
pub fn leniently<T>(f: impl FnOnce() -> T) -> T {
    let before = LENIENT.replace(true);
    TIED.take();
    let out = f();
    LENIENT.set(before);
    out
}

/// Compares sizes strictly while `f` runs, but for unknowns that were let through before.
pub fn strictly<T>(f: impl FnOnce() -> T) -> T {
    let before = LENIENT.replace(false);
    let out = f();
    LENIENT.set(before);
    out
}

/// Whether some callers make this difference zero: tried with usual extents, equal ones included, and with the numbers in it.
pub fn may_be_zero(d: &Dim) -> bool {
    const USUAL: [i64; 3] = [64, 128, 192];
    let names = d.unknowns();
    let tied = || TIED.with_borrow(|t| names.iter().any(|n| t.contains(n)));
    if names.is_empty() || names.len() > 4 || !LENIENT.get() && !tied() {
        return false;
    }
    let mut values = USUAL.to_vec();
    // `h - 3` is zero for a caller with 3.
    let rest = names.iter().try_fold(d.clone(), |d, n| d.substitute(n, 0));
    values.extend(
        rest.ok()
            .and_then(|r| r.known())
            .map(i64::abs)
            .filter(|v| *v > 0 && *v < 1 << 20),
    );
    let mut at = vec![0usize; names.len()];
    loop {
        let here = names
            .iter()
            .zip(&at)
            .try_fold(d.clone(), |d, (n, i)| d.substitute(n, values[*i]));
        if here.is_ok_and(|d| d == Dim::Const(0)) {
            TIED.with_borrow_mut(|t| t.extend(names));
            return true;
        }
        let Some(k) = (0..at.len()).rev().find(|k| at[*k] + 1 < values.len()) else {
            return false;
        };
        at[k] += 1;
        at[k + 1..].fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_caller_can_mend_is_different() {
        let (c, w, h) = (Dim::var("c"), Dim::var("w"), Dim::var("h"));
        let two = Dim::Const(2);
        leniently(|| {
            assert!(c.same(&w).is_ok());
            assert!(c.same(&Dim::Const(3)).is_ok());
            assert!(
                h.floor_div(&two)
                    .unwrap()
                    .same(&h.ceil_div(&two).unwrap())
                    .is_ok()
            );
            assert!(h.same(&h.ceil_div(&two).unwrap()).is_err());
            assert!(c.same(&c.mul(&two).unwrap()).is_err());
            assert!(h.same(&h.add(&two).unwrap()).is_err());
        });
        assert!(Dim::var("a").same(&Dim::var("b")).is_err());
    }
}
