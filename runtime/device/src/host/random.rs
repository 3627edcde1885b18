//! Keyed draws: the same key gives the same numbers on every device.

use super::num::Num;
use nas_ir::Distribution;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, StandardNormal};

/// The generator of a key: ChaCha with 8 rounds, seeded with the key's bytes, low byte first.
fn generator(key: [u64; 4]) -> ChaCha8Rng {
    let mut seed = [0u8; 32];
    for (chunk, word) in seed.chunks_exact_mut(8).zip(key) {
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(seed)
}

/// [0, 1) with the 53 bits of an f64, or with the 24 bits of an f32 (which never rounds up to 1).
fn unit(rng: &mut ChaCha8Rng, wide: bool) -> f64 {
    if wide {
        (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    } else {
        (rng.next_u32() >> 8) as f64 / (1u32 << 24) as f64
    }
}

/// Fills `out` with draws.
pub(super) fn draw<T: Num>(distribution: Distribution, key: [u64; 4], out: &mut [T]) {
    let mut rng = generator(key);
    let wide = T::DTYPE == nas_ir::DType::F64;
    match distribution {
        Distribution::Uniform => {
            for o in out {
                *o = T::of(unit(&mut rng, wide));
            }
        }
        Distribution::Normal => {
            for o in out {
                let v: f64 = StandardNormal.sample(&mut rng);
                *o = T::of(v);
            }
        }
        Distribution::Gumbel => {
            for o in out {
                // 0 has no logarithm: draw again.
                let u = loop {
                    let u = unit(&mut rng, true);
                    if u > 0.0 {
                        break u;
                    }
                };
                *o = T::of(-(-u.ln()).ln());
            }
        }
        Distribution::Permutation => {
            for (i, o) in out.iter_mut().enumerate() {
                *o = T::of(i as f64);
            }
            for i in (1..out.len()).rev() {
                out.swap(i, below(&mut rng, i as u64 + 1) as usize);
            }
        }
    }
}

/// Uniform in 0..n without bias: high product bits, the short tail drawn again.
fn below(rng: &mut ChaCha8Rng, n: u64) -> u64 {
    let limit = n.wrapping_neg() % n;
    loop {
        let wide = rng.next_u64() as u128 * n as u128;
        if wide as u64 >= limit {
            return (wide >> 64) as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_fixed_by_the_key() {
        let mut a = vec![0f32; 1000];
        let mut b = vec![0f32; 1000];
        draw(Distribution::Uniform, [1, 2, 3, 4], &mut a);
        draw(Distribution::Uniform, [1, 2, 3, 4], &mut b);
        assert_eq!(a, b);
        assert!(a.iter().all(|v| (0.0..1.0).contains(v)));
        let mean: f32 = a.iter().sum::<f32>() / 1000.0;
        assert!((mean - 0.5).abs() < 0.04, "{mean}");
        draw(Distribution::Uniform, [1, 2, 3, 5], &mut b);
        assert_ne!(a, b);
    }

    #[test]
    fn moments_of_normal_and_gumbel() {
        let mut a = vec![0f64; 20000];
        draw(Distribution::Normal, [7; 4], &mut a);
        let mean = a.iter().sum::<f64>() / 20000.0;
        let second = a.iter().map(|v| v * v).sum::<f64>() / 20000.0;
        assert!(mean.abs() < 0.03 && (second - 1.0).abs() < 0.05);
        draw(Distribution::Gumbel, [7; 4], &mut a);
        let mean = a.iter().sum::<f64>() / 20000.0;
        assert!((mean - 0.5772).abs() < 0.05 && a.iter().all(|v| v.is_finite()));
    }

    #[test]
    fn a_permutation_has_each_number_once() {
        let mut p = vec![0i32; 257];
        draw(Distribution::Permutation, [9, 0, 0, 0], &mut p);
        let mut sorted = p.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..257).collect::<Vec<i32>>());
        assert_ne!(p, sorted);
        draw(Distribution::Permutation, [9, 0, 0, 0], &mut [0i32; 0]);
    }
}
