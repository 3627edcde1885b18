//! Matrix products: a wrapper of the `gemm` crate (with AVX-512: of its successor) on one thread, with general strides and batches.

use crate::elem::Elem;
use crate::error::{KernelError, need};
use crate::team::{CHECKED, LEAST, Places, parts, ranges, share};

/// Where the matrices of a batch lie in a slice: element (i, j) of matrix b is at
/// `offset + b * batch_stride + i * row_stride + j * col_stride`. A transpose exchanges the two strides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mat {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// Distance of rows.
    pub row_stride: usize,
    /// Distance of columns.
    pub col_stride: usize,
    /// Distance of matrices; 0 repeats one matrix (inputs only).
    pub batch_stride: usize,
    /// Place of the first element.
    pub offset: usize,
}

impl Mat {
    /// Contiguous row-major matrices, one after the other.
    pub fn row_major(rows: usize, cols: usize) -> Mat {
        Mat {
            rows,
            cols,
            row_stride: cols,
            col_stride: 1,
            batch_stride: rows * cols,
            offset: 0,
        }
    }

    /// The transposed view.
    pub fn t(self) -> Mat {
        Mat {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }

    /// The same matrix for every member of a batch.
    pub fn shared(self) -> Mat {
        Mat {
            batch_stride: 0,
            ..self
        }
    }

    /// Whether every element of `batch` matrices lies in a slice of `len`.
    fn inside(&self, batch: usize, len: usize) -> bool {
        if batch == 0 || self.rows == 0 || self.cols == 0 {
            return true;
        }
        let last = [
            (batch - 1, self.batch_stride),
            (self.rows - 1, self.row_stride),
            (self.cols - 1, self.col_stride),
        ];
        last.into_iter()
            .try_fold(self.offset, |at, (i, s)| at.checked_add(i.checked_mul(s)?))
            .is_some_and(|at| at < len)
    }
}

/// `c[b] = a[b] · bm[b]` for every member of the batch, added to what is there where `accumulate`.
///
/// Shapes: `a` is m x k, `b` is k x n, `c` is m x n by their `Mat`s. Matrices of `c` must not overlap.
pub fn batched_gemm<E: Elem>(
    batch: usize,
    (a, am): (&[E], Mat),
    (b, bm): (&[E], Mat),
    (c, cm): (&mut [E], Mat),
    accumulate: bool,
) -> Result<(), KernelError> {
    let (m, n, k) = (cm.rows, cm.cols, am.cols);
    need(
        am.rows == m && bm.rows == k && bm.cols == n,
        "the matrices of a product do not fit",
    )?;
    need(
        am.inside(batch, a.len()) && bm.inside(batch, b.len()) && cm.inside(batch, c.len()),
        "a matrix of a product reaches beyond its slice",
    )?;
    if m == 0 || n == 0 {
        return Ok(());
    }
    // One tall product is faster than many short ones when `b` is shared and `a` and `c` are stacked rows.
    if batch > 1
        && bm.batch_stride == 0
        && am.batch_stride == am.rows * am.row_stride
        && cm.batch_stride == cm.rows * cm.row_stride
    {
        let (a2, c2) = (
            Mat {
                rows: am.rows * batch,
                ..am
            },
            Mat {
                rows: cm.rows * batch,
                ..cm
            },
        );
        return batched_gemm(1, (a, a2), (b, bm), (c, c2), accumulate);
    }
    let each = m * n * k;
    let some = share(batch, each / 16, 1);
    let places = Places::new(c);
    if batch > 1 {
        ranges(batch, some, &|first, some| {
            for i in first..first + some {
                // SAFETY: `inside` has checked that every element lies in its slice; matrices of `c` do not overlap.
                unsafe { one(i, (m, n, k), (a, am), (b, bm), (places, cm), accumulate) }
            }
        });
        return Ok(());
    }
    // A single product is cut along rows and columns, the same way for any number of threads.
    let (rows, cols) = pieces((m, n, k));
    let across = n.div_ceil(cols);
    parts(m.div_ceil(rows) * across, &|i| {
        let (i, j) = (i / across * rows, i % across * cols);
        let (mut am, mut bm, mut cm) = (am, bm, cm);
        (cm.rows, cm.cols) = (rows.min(m - i), cols.min(n - j));
        (am.rows, bm.cols) = (cm.rows, cm.cols);
        am.offset += i * am.row_stride;
        bm.offset += j * bm.col_stride;
        cm.offset += i * cm.row_stride + j * cm.col_stride;
        // SAFETY: as above; parts of `c` do not overlap.
        unsafe {
            one(
                0,
                (cm.rows, cm.cols, k),
                (a, am),
                (b, bm),
                (places, cm),
                accumulate,
            )
        }
    });
    Ok(())
}

/// `c = a · b` for matrices that lie at any places: for each product, what its matrices' places are beyond the offsets of their `Mat`s
/// (whose batch strides do not count). Matrices of `c` must not overlap.
pub fn scattered_gemm<E: Elem>(
    at: &[[usize; 3]],
    (a, am): (&[E], Mat),
    (b, bm): (&[E], Mat),
    (c, cm): (&mut [E], Mat),
) -> Result<(), KernelError> {
    let (m, n, k) = (cm.rows, cm.cols, am.cols);
    need(
        am.rows == m && bm.rows == k && bm.cols == n,
        "the matrices of a product do not fit",
    )?;
    let moved = |mat: Mat, by: usize| Mat {
        offset: mat.offset + by,
        ..mat
    };
    let farthest = |i: usize| at.iter().map(|p| p[i]).max().unwrap_or(0);
    need(
        moved(am, farthest(0)).inside(1, a.len())
            && moved(bm, farthest(1)).inside(1, b.len())
            && moved(cm, farthest(2)).inside(1, c.len()),
        "a matrix of a product reaches beyond its slice",
    )?;
    if m == 0 || n == 0 {
        return Ok(());
    }
    let places = Places::new(c);
    ranges(
        at.len(),
        share(at.len(), m * n * k / 16, 1),
        &|first, some| {
            for [x, y, z] in &at[first..first + some] {
                let (am, bm, cm) = (moved(am, *x), moved(bm, *y), moved(cm, *z));
                // SAFETY: the farthest of all products lies inside; matrices of `c` do not overlap.
                unsafe { one(0, (m, n, k), (a, am), (b, bm), (places, cm), false) }
            }
        },
    );
    Ok(())
}

/// Rows and columns of a part: each part puts its rows of `a` and its columns of `b` in order once more, so parts are few and square, yet
/// enough of them that threads end together.
fn pieces((m, n, k): (usize, usize, usize)) -> (usize, usize) {
    // What the inner kernel computes at once divides these.
    const ROWS: usize = 24;
    const COLS: usize = 96;
    let work = m * n * k / 16;
    let most = (work / LEAST).clamp(1, 16);
    let piece = |long: usize, count: usize, of: usize| long.div_ceil(count).next_multiple_of(of);
    let mut best = (usize::MAX, m, n);
    for r in 1..=most {
        for c in 1..=most / r {
            let (rows, cols) = (piece(m, r, ROWS).min(m), piece(n, c, COLS).min(n));
            let (down, across) = (m.div_ceil(rows), n.div_ceil(cols));
            let ordering = down * n * k + across * m * k;
            // Half of the largest part is waited for at the end.
            let waiting = rows * cols * k / 32;
            let cost = ordering + waiting;
            if cost < best.0 {
                best = (cost, rows, cols);
            }
        }
    }
    (best.1, best.2)
}

/// Product `i` of a batch.
///
/// # Safety
/// Every element of its matrices lies in its slice, and nobody else uses those of `c`.
unsafe fn one<E: Elem>(
    i: usize,
    (m, n, k): (usize, usize, usize),
    (a, am): (&[E], Mat),
    (b, bm): (&[E], Mat),
    (c, cm): (Places<E>, Mat),
    accumulate: bool,
) {
    let start = cm.offset + i * cm.batch_stride;
    // Only the span from the first to the last element; strides may weave matrices into each other.
    product_at(
        (m, n, k),
        a.get(am.offset + i * am.batch_stride..).unwrap_or(&[]),
        (am.row_stride, am.col_stride),
        b.get(bm.offset + i * bm.batch_stride..).unwrap_or(&[]),
        (bm.row_stride, bm.col_stride),
        c.at(start),
        (cm.row_stride, cm.col_stride),
        accumulate,
    );
}

/// `c = a · b` of contiguous row-major `a [m, k]`, `b [k, n]`, `c [m, n]`; with a flag, `a` is stored as `[k, m]`, `b` as `[n, k]`.
pub fn matmul<E: Elem>(
    [m, k, n]: [usize; 3],
    a: &[E],
    a_transposed: bool,
    b: &[E],
    b_transposed: bool,
    c: &mut [E],
) -> Result<(), KernelError> {
    let am = if a_transposed {
        Mat::row_major(k, m).t()
    } else {
        Mat::row_major(m, k)
    };
    let bm = if b_transposed {
        Mat::row_major(n, k).t()
    } else {
        Mat::row_major(k, n)
    };
    batched_gemm(1, (a, am), (b, bm), (c, Mat::row_major(m, n)), false)
}

/// One product with (row, column) strides; the caller has checked that all elements lie inside.
pub(crate) fn product_into<E: Elem>(
    m: usize,
    n: usize,
    k: usize,
    a: &[E],
    a_strides: (usize, usize),
    b: &[E],
    b_strides: (usize, usize),
    c: &mut [E],
    (cr, cc): (usize, usize),
    accumulate: bool,
) {
    assert!(!CHECKED || m == 0 || n == 0 || (m - 1) * cr + (n - 1) * cc < c.len());
    // SAFETY: `c` is exclusive, and all its elements lie inside.
    unsafe {
        product_at(
            (m, n, k),
            a,
            a_strides,
            b,
            b_strides,
            c.as_mut_ptr(),
            (cr, cc),
            accumulate,
        )
    }
}

/// # Safety
/// `c` may be written at every element of the product, by nobody else.
unsafe fn product_at<E: Elem>(
    (m, n, k): (usize, usize, usize),
    a: &[E],
    (ar, ac): (usize, usize),
    b: &[E],
    (br, bc): (usize, usize),
    c: *mut E,
    (cr, cc): (usize, usize),
    accumulate: bool,
) {
    if k == 0 {
        if !accumulate {
            for i in 0..m {
                for j in 0..n {
                    *c.add(i * cr + j * cc) = E::zero();
                }
            }
        }
        return;
    }
    let last = |r: usize, c: usize, rs: usize, cs: usize| (r - 1) * rs + (c - 1) * cs;
    assert!(!CHECKED || (last(m, k, ar, ac) < a.len() && last(k, n, br, bc) < b.len()));
    #[cfg(target_arch = "x86_64")]
    if let Some(dtype) = wide::<E>() {
        use private_gemm_x86 as wide;
        let alpha = E::one();
        let add = if accumulate {
            wide::Accum::Add
        } else {
            wide::Accum::Replace
        };
        wide::gemm(
            dtype,
            wide::IType::U64,
            wide::InstrSet::Avx512,
            m,
            n,
            k,
            c.cast(),
            cr as isize,
            cc as isize,
            std::ptr::null(),
            std::ptr::null(),
            wide::DstKind::Full,
            add,
            a.as_ptr().cast(),
            ar as isize,
            ac as isize,
            false,
            std::ptr::null(),
            0,
            b.as_ptr().cast(),
            br as isize,
            bc as isize,
            false,
            (&raw const alpha).cast(),
            1,
        );
        return;
    }
    gemm::gemm(
        m,
        n,
        k,
        c,
        cc as isize,
        cr as isize,
        accumulate,
        a.as_ptr(),
        ac as isize,
        ar as isize,
        b.as_ptr(),
        bc as isize,
        br as isize,
        E::one(),
        E::one(),
        false,
        false,
        false,
        gemm::Parallelism::None,
    );
}

/// The kind of element for products with AVX-512, where this machine (and `with_level`) has it.
#[cfg(target_arch = "x86_64")]
fn wide<E: Elem>() -> Option<private_gemm_x86::DType> {
    use private_gemm_x86::DType;
    use std::any::TypeId;
    if crate::simd::level() < crate::simd::Level::Avx512 {
        return None;
    }
    let kinds = [
        (TypeId::of::<f32>(), DType::F32),
        (TypeId::of::<f64>(), DType::F64),
    ];
    kinds
        .into_iter()
        .find(|(id, _)| *id == TypeId::of::<E>())
        .map(|(_, kind)| kind)
}
