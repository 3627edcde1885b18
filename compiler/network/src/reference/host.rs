//! Determinant and eigenvalues, by elimination and by Jacobi rotations.

use super::Value;
use nas_ir::HostFn;

pub fn host(f: HostFn, x: &Value) -> Result<Value, String> {
    let m = x.shape.first().copied().unwrap_or(0);
    if x.shape != [m, m] {
        return Err("a square matrix is wanted".into());
    }
    Ok(match f {
        HostFn::LogDet => Value {
            shape: vec![],
            data: vec![log_det(x.data.clone(), m)],
        },
        HostFn::EigSym => Value {
            shape: vec![m],
            data: eigenvalues(x.data.clone(), m),
        },
    })
}

fn log_det(mut a: Vec<f64>, m: usize) -> f64 {
    let mut sum = 0.0;
    for k in 0..m {
        let pivot = (k..m)
            .max_by(|i, j| a[i * m + k].abs().total_cmp(&a[j * m + k].abs()))
            .unwrap_or(k);
        if pivot != k {
            for c in 0..m {
                a.swap(k * m + c, pivot * m + c);
            }
        }
        let p = a[k * m + k];
        sum += p.abs().ln();
        if p == 0.0 {
            return f64::NEG_INFINITY;
        }
        for r in k + 1..m {
            let ratio = a[r * m + k] / p;
            for c in k..m {
                a[r * m + c] -= ratio * a[k * m + c];
            }
        }
    }
    sum
}

fn eigenvalues(mut a: Vec<f64>, m: usize) -> Vec<f64> {
    for _turn in 0..60 {
        let mut off = 0.0;
        for p in 0..m {
            for q in p + 1..m {
                let apq = a[p * m + q];
                off += apq * apq;
                if apq == 0.0 {
                    continue;
                }
                let theta = (a[q * m + q] - a[p * m + p]) / (2.0 * apq);
                let sign = if theta >= 0.0 { 1.0 } else { -1.0 };
                let t = sign / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for k in 0..m {
                    let (x, y) = (a[k * m + p], a[k * m + q]);
                    a[k * m + p] = c * x - s * y;
                    a[k * m + q] = s * x + c * y;
                }
                for k in 0..m {
                    let (x, y) = (a[p * m + k], a[q * m + k]);
                    a[p * m + k] = c * x - s * y;
                    a[q * m + k] = s * x + c * y;
                }
            }
        }
        if off < 1e-30 {
            break;
        }
    }
    let mut values: Vec<f64> = (0..m).map(|i| a[i * m + i]).collect();
    values.sort_by(f64::total_cmp);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn determinant_and_eigenvalues() {
        let a = vec![2.0, 1.0, 1.0, 2.0];
        assert!((log_det(a.clone(), 2) - 3f64.ln()).abs() < 1e-12);
        let e = eigenvalues(a, 2);
        assert!((e[0] - 1.0).abs() < 1e-12 && (e[1] - 3.0).abs() < 1e-12);
    }
}
