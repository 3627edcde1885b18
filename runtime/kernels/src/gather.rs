//! Rows picked by index, their adjoint, and one-hot rows.

use crate::elem::Elem;
use crate::error::{KernelError, need, product};

fn place<I: Copy + TryInto<usize>>(index: I, rows: usize) -> Result<usize, KernelError> {
    match index.try_into() {
        Ok(i) if i < rows => Ok(i),
        _ => Err(KernelError("an index lies outside its axis")),
    }
}

/// `y[o, j, :] = x[o, index[j], :]` with `x [outer, rows, inner]`, `y [outer, index.len(), inner]`; i32 or i64 indices.
pub fn gather_rows<T: Copy, I: Copy + TryInto<usize>>(
    [outer, rows, inner]: [usize; 3],
    x: &[T],
    index: &[I],
    y: &mut [T],
) -> Result<(), KernelError> {
    need(
        product(&[outer, rows, inner])? == x.len(),
        "x is not [outer, rows, inner]",
    )?;
    need(
        product(&[outer, index.len(), inner])? == y.len(),
        "y is not [outer, indices, inner]",
    )?;
    for o in 0..outer {
        for (j, &i) in index.iter().enumerate() {
            let from = (o * rows + place(i, rows)?) * inner;
            y[(o * index.len() + j) * inner..][..inner].copy_from_slice(&x[from..][..inner]);
        }
    }
    Ok(())
}

/// The adjoint of `gather_rows`: `gx[o, index[j], :] += gy[o, j, :]`, in the order of `j`; adds to what `gx` holds.
pub fn scatter_add_rows<E: Elem, I: Copy + TryInto<usize>>(
    [outer, rows, inner]: [usize; 3],
    gy: &[E],
    index: &[I],
    gx: &mut [E],
) -> Result<(), KernelError> {
    need(
        product(&[outer, rows, inner])? == gx.len(),
        "gx is not [outer, rows, inner]",
    )?;
    need(
        product(&[outer, index.len(), inner])? == gy.len(),
        "gy is not [outer, indices, inner]",
    )?;
    for o in 0..outer {
        for (j, &i) in index.iter().enumerate() {
            let to = (o * rows + place(i, rows)?) * inner;
            let from = &gy[(o * index.len() + j) * inner..][..inner];
            for (t, &g) in gx[to..][..inner].iter_mut().zip(from) {
                *t = *t + g;
            }
        }
    }
    Ok(())
}

/// `y [index.len(), classes]`: 1 at each row's index, 0 elsewhere.
pub fn one_hot<E: Elem, I: Copy + TryInto<usize>>(
    classes: usize,
    index: &[I],
    y: &mut [E],
) -> Result<(), KernelError> {
    need(
        product(&[index.len(), classes])? == y.len(),
        "one-hot rows do not fit the classes",
    )?;
    y.fill(E::zero());
    for (j, &i) in index.iter().enumerate() {
        y[j * classes + place(i, classes)?] = E::one();
    }
    Ok(())
}
