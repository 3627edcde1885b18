//! Small dense functions of square matrices, in f64.

/// ln |det| of a row-major [m, m], by elimination with partial pivoting; -inf where it is singular.
pub(super) fn log_det(x: &[f64], m: usize) -> f64 {
    let mut a = x.to_vec();
    let mut sum = 0.0;
    for k in 0..m {
        let mut p = k;
        for r in k + 1..m {
            if a[r * m + k].abs() > a[p * m + k].abs() {
                p = r;
            }
        }
        let pivot = a[p * m + k];
        if pivot == 0.0 {
            return f64::NEG_INFINITY;
        }
        if p != k {
            for c in 0..m {
                a.swap(k * m + c, p * m + c);
            }
        }
        sum += pivot.abs().ln();
        let (top, rest) = a.split_at_mut((k + 1) * m);
        let row = &top[k * m..];
        for below in rest.chunks_exact_mut(m) {
            let factor = below[k] / pivot;
            if factor != 0.0 {
                for c in k + 1..m {
                    below[c] -= factor * row[c];
                }
            }
        }
    }
    sum
}

/// Eigenvalues of the symmetric part of a row-major [m, m], ascending: Householder to three diagonals, then implicit QL.
/// NaN throughout where the matrix is not finite or the iteration does not end.
pub(super) fn eigenvalues(x: &[f64], m: usize) -> Vec<f64> {
    if x.iter().any(|v| !v.is_finite()) {
        return vec![f64::NAN; m];
    }
    let mut a: Vec<f64> = (0..m * m)
        .map(|i| 0.5 * (x[i] + x[i % m * m + i / m]))
        .collect();
    let (mut d, mut e) = tridiagonal(&mut a, m);
    if !implicit_ql(&mut d, &mut e) {
        return vec![f64::NAN; m];
    }
    d.sort_by(f64::total_cmp);
    d
}

/// The diagonal and the subdiagonal (at 1..) of a similar matrix with three diagonals.
fn tridiagonal(a: &mut [f64], m: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut d, mut e) = (vec![0.0; m], vec![0.0; m]);
    for i in (1..m).rev() {
        let scale: f64 = (0..i).map(|k| a[i * m + k].abs()).sum();
        if i == 1 || scale == 0.0 {
            e[i] = a[i * m + i - 1];
            continue;
        }
        let mut h = 0.0;
        for k in 0..i {
            a[i * m + k] /= scale;
            h += a[i * m + k] * a[i * m + k];
        }
        let f = a[i * m + i - 1];
        let g = if f >= 0.0 { -h.sqrt() } else { h.sqrt() };
        e[i] = scale * g;
        h -= f * g;
        a[i * m + i - 1] = f - g;
        let mut sum = 0.0;
        for j in 0..i {
            let mut g = 0.0;
            for k in 0..=j {
                g += a[j * m + k] * a[i * m + k];
            }
            for k in j + 1..i {
                g += a[k * m + j] * a[i * m + k];
            }
            e[j] = g / h;
            sum += e[j] * a[i * m + j];
        }
        let half = sum / (h + h);
        for j in 0..i {
            let f = a[i * m + j];
            e[j] -= half * f;
            let g = e[j];
            for k in 0..=j {
                a[j * m + k] -= f * e[k] + g * a[i * m + k];
            }
        }
    }
    for i in 0..m {
        d[i] = a[i * m + i];
    }
    (d, e)
}

/// Turns the diagonal `d` into eigenvalues; false where it does not end.
fn implicit_ql(d: &mut [f64], e: &mut [f64]) -> bool {
    let n = d.len();
    e.rotate_left(usize::from(n > 0));
    if let Some(last) = e.last_mut() {
        *last = 0.0;
    }
    for l in 0..n {
        let mut turns = 0;
        loop {
            let mut m = l;
            while m + 1 < n {
                let size = d[m].abs() + d[m + 1].abs();
                if e[m].abs() <= f64::EPSILON * size {
                    break;
                }
                m += 1;
            }
            if m == l {
                break;
            }
            turns += 1;
            if turns > 64 {
                return false;
            }
            let mut g = (d[l + 1] - d[l]) / (2.0 * e[l]);
            let mut r = g.hypot(1.0);
            g = d[m] - d[l] + e[l] / (g + r.copysign(g));
            let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
            let mut early = false;
            for i in (l..m).rev() {
                let f = s * e[i];
                let b = c * e[i];
                r = f.hypot(g);
                e[i + 1] = r;
                if r == 0.0 {
                    d[i + 1] -= p;
                    e[m] = 0.0;
                    early = true;
                    break;
                }
                s = f / r;
                c = g / r;
                g = d[i + 1] - p;
                r = (d[i] - g) * s + 2.0 * c * b;
                p = s * r;
                d[i + 1] = g + p;
                g = c * r - b;
            }
            if !early {
                d[l] -= p;
                e[l] = g;
                e[m] = 0.0;
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn determinant_and_eigenvalues_of_known_matrices() {
        assert!((log_det(&[4.0, 3.0, 6.0, 3.0], 2) - 6f64.ln()).abs() < 1e-14);
        assert_eq!(log_det(&[1.0, 2.0, 2.0, 4.0], 2), f64::NEG_INFINITY);
        assert_eq!(log_det(&[], 0), 0.0);
        assert_eq!(eigenvalues(&[], 0), Vec::<f64>::new());
        // The path on n points: 2 - 2 cos(k pi / (n + 1)).
        let n = 9usize;
        let a: Vec<f64> = (0..n * n)
            .map(|i| match (i / n).abs_diff(i % n) {
                0 => 2.0,
                1 => -1.0,
                _ => 0.0,
            })
            .collect();
        for (k, v) in eigenvalues(&a, n).into_iter().enumerate() {
            let want = 2.0 - 2.0 * ((k + 1) as f64 * std::f64::consts::PI / (n + 1) as f64).cos();
            assert!((v - want).abs() < 1e-13, "{v} {want}");
        }
    }

    #[test]
    fn eigenvalues_keep_trace_and_norm() {
        let n = 23;
        let at = |i: usize, j: usize| ((i * 7 + j * 13 + i * j) % 17) as f64 / 5.0 - 1.5;
        let a: Vec<f64> = (0..n * n)
            .map(|k| at((k / n).min(k % n), (k / n).max(k % n)))
            .collect();
        let e = eigenvalues(&a, n);
        let trace: f64 = (0..n).map(|i| a[i * n + i]).sum();
        let norm: f64 = a.iter().map(|v| v * v).sum();
        assert!((e.iter().sum::<f64>() - trace).abs() < 1e-10);
        assert!((e.iter().map(|v| v * v).sum::<f64>() - norm).abs() < 1e-9 * norm);
        let product: f64 = e.iter().map(|v| v.abs().ln()).sum();
        assert!((product - log_det(&a, n)).abs() < 1e-8);
    }
}
