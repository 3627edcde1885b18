//! The vectors of x86-64: AVX2 with FMA, and AVX-512.

use crate::simd::Vector;
use std::arch::x86_64::*;

/// 16 x f32.
#[derive(Clone, Copy)]
pub struct F32x16(__m512);
/// 8 x f64.
#[derive(Clone, Copy)]
pub struct F64x8(__m512d);
/// 8 x f32.
#[derive(Clone, Copy)]
pub struct F32x8(__m256);
/// 4 x f64.
#[derive(Clone, Copy)]
pub struct F64x4(__m256d);

// SAFETY of this whole file: each method's caller promises the instruction set of the type (see `simd::dispatch`, which
// asks the machine) and valid addresses; loads and stores are the unaligned forms.
macro_rules! vector {
    ($v:ident, $e:ty, $lanes:expr, $wide:expr, $set1:ident, $load:ident, $store:ident, $fma:ident, $add:ident, $larger:ident, $transpose:ident) => {
        impl Vector<$e> for $v {
            const LANES: usize = $lanes;
            const FMA: bool = true;
            const WIDE_FILE: bool = $wide;

            #[inline(always)]
            unsafe fn splat(x: $e) -> Self {
                $v($set1(x))
            }
            #[inline(always)]
            unsafe fn load(p: *const $e) -> Self {
                $v($load(p))
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $e) {
                $store(p, self.0)
            }
            #[inline(always)]
            unsafe fn fma(self, b: Self, c: Self) -> Self {
                $v($fma(self.0, b.0, c.0))
            }
            #[inline(always)]
            unsafe fn add(self, b: Self) -> Self {
                $v($add(self.0, b.0))
            }
            #[inline(always)]
            unsafe fn larger(self, best: Self, here: Self, place: Self) -> (Self, Self) {
                let (b, p) = $larger(self.0, best.0, here.0, place.0);
                ($v(b), $v(p))
            }
            #[inline(always)]
            unsafe fn transpose(src: *const $e, ss: usize, dst: *mut $e, ds: usize) {
                $transpose(src, ss, dst, ds)
            }
        }
    };
}

vector!(
    F32x16,
    f32,
    16,
    true,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_fmadd_ps,
    _mm512_add_ps,
    larger_f32x16,
    transpose_f32x16
);
vector!(
    F64x8,
    f64,
    8,
    true,
    _mm512_set1_pd,
    _mm512_loadu_pd,
    _mm512_storeu_pd,
    _mm512_fmadd_pd,
    _mm512_add_pd,
    larger_f64x8,
    transpose_f64x8
);
vector!(
    F32x8,
    f32,
    8,
    false,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_fmadd_ps,
    _mm256_add_ps,
    larger_f32x8,
    transpose_f32x8
);
vector!(
    F64x4,
    f64,
    4,
    false,
    _mm256_set1_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_fmadd_pd,
    _mm256_add_pd,
    larger_f64x4,
    transpose_f64x4
);

// Each transpose gathers, for a group of columns, the same rows of every 128-bit part into one vector; a transpose inside
// the parts then leaves whole columns in order.

#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
unsafe fn transpose_f32x16(src: *const f32, ss: usize, dst: *mut f32, ds: usize) {
    for k in 0..4 {
        let s = src.add(4 * k);
        let quad = |j: usize| {
            let a = _mm512_castps128_ps512(_mm_loadu_ps(s.add(j * ss)));
            let a = _mm512_insertf32x4::<1>(a, _mm_loadu_ps(s.add((j + 4) * ss)));
            let a = _mm512_insertf32x4::<2>(a, _mm_loadu_ps(s.add((j + 8) * ss)));
            _mm512_insertf32x4::<3>(a, _mm_loadu_ps(s.add((j + 12) * ss)))
        };
        let (a, b, c, d) = (quad(0), quad(1), quad(2), quad(3));
        let ab_lo = _mm512_castps_pd(_mm512_unpacklo_ps(a, b));
        let ab_hi = _mm512_castps_pd(_mm512_unpackhi_ps(a, b));
        let cd_lo = _mm512_castps_pd(_mm512_unpacklo_ps(c, d));
        let cd_hi = _mm512_castps_pd(_mm512_unpackhi_ps(c, d));
        let t = dst.add(4 * k * ds);
        _mm512_storeu_ps(t, _mm512_castpd_ps(_mm512_unpacklo_pd(ab_lo, cd_lo)));
        _mm512_storeu_ps(
            t.add(ds),
            _mm512_castpd_ps(_mm512_unpackhi_pd(ab_lo, cd_lo)),
        );
        _mm512_storeu_ps(
            t.add(2 * ds),
            _mm512_castpd_ps(_mm512_unpacklo_pd(ab_hi, cd_hi)),
        );
        _mm512_storeu_ps(
            t.add(3 * ds),
            _mm512_castpd_ps(_mm512_unpackhi_pd(ab_hi, cd_hi)),
        );
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
unsafe fn transpose_f64x8(src: *const f64, ss: usize, dst: *mut f64, ds: usize) {
    for k in 0..4 {
        let s = src.add(2 * k);
        let pair = |j: usize| {
            let a = _mm512_castpd128_pd512(_mm_loadu_pd(s.add(j * ss)));
            let a = _mm512_insertf64x2::<1>(a, _mm_loadu_pd(s.add((j + 2) * ss)));
            let a = _mm512_insertf64x2::<2>(a, _mm_loadu_pd(s.add((j + 4) * ss)));
            _mm512_insertf64x2::<3>(a, _mm_loadu_pd(s.add((j + 6) * ss)))
        };
        let (a, b) = (pair(0), pair(1));
        _mm512_storeu_pd(dst.add(2 * k * ds), _mm512_unpacklo_pd(a, b));
        _mm512_storeu_pd(dst.add((2 * k + 1) * ds), _mm512_unpackhi_pd(a, b));
    }
}

#[inline]
#[target_feature(enable = "avx2")]
unsafe fn transpose_f32x8(src: *const f32, ss: usize, dst: *mut f32, ds: usize) {
    for k in 0..2 {
        let s = src.add(4 * k);
        let quad = |j: usize| {
            let a = _mm256_castps128_ps256(_mm_loadu_ps(s.add(j * ss)));
            _mm256_insertf128_ps::<1>(a, _mm_loadu_ps(s.add((j + 4) * ss)))
        };
        let (a, b, c, d) = (quad(0), quad(1), quad(2), quad(3));
        let ab_lo = _mm256_castps_pd(_mm256_unpacklo_ps(a, b));
        let ab_hi = _mm256_castps_pd(_mm256_unpackhi_ps(a, b));
        let cd_lo = _mm256_castps_pd(_mm256_unpacklo_ps(c, d));
        let cd_hi = _mm256_castps_pd(_mm256_unpackhi_ps(c, d));
        let t = dst.add(4 * k * ds);
        _mm256_storeu_ps(t, _mm256_castpd_ps(_mm256_unpacklo_pd(ab_lo, cd_lo)));
        _mm256_storeu_ps(
            t.add(ds),
            _mm256_castpd_ps(_mm256_unpackhi_pd(ab_lo, cd_lo)),
        );
        _mm256_storeu_ps(
            t.add(2 * ds),
            _mm256_castpd_ps(_mm256_unpacklo_pd(ab_hi, cd_hi)),
        );
        _mm256_storeu_ps(
            t.add(3 * ds),
            _mm256_castpd_ps(_mm256_unpackhi_pd(ab_hi, cd_hi)),
        );
    }
}

#[inline]
#[target_feature(enable = "avx2")]
unsafe fn transpose_f64x4(src: *const f64, ss: usize, dst: *mut f64, ds: usize) {
    for k in 0..2 {
        let s = src.add(2 * k);
        let pair = |j: usize| {
            let a = _mm256_castpd128_pd256(_mm_loadu_pd(s.add(j * ss)));
            _mm256_insertf128_pd::<1>(a, _mm_loadu_pd(s.add((j + 2) * ss)))
        };
        let (a, b) = (pair(0), pair(1));
        _mm256_storeu_pd(dst.add(2 * k * ds), _mm256_unpacklo_pd(a, b));
        _mm256_storeu_pd(dst.add((2 * k + 1) * ds), _mm256_unpackhi_pd(a, b));
    }
}

// "Larger or the first NaN" is: not (v <= best), and best is a number.

macro_rules! larger {
    ($name:ident, $feature:literal, $t:ty, $cmp:ident, $blend:ident, mask) => {
        #[inline]
        #[target_feature(enable = $feature)]
        unsafe fn $name(v: $t, best: $t, here: $t, place: $t) -> ($t, $t) {
            let take = $cmp::<_CMP_NLE_UQ>(v, best) & $cmp::<_CMP_ORD_Q>(best, best);
            ($blend(take, best, v), $blend(take, place, here))
        }
    };
    ($name:ident, $feature:literal, $t:ty, $cmp:ident, $blend:ident, $and:ident) => {
        #[inline]
        #[target_feature(enable = $feature)]
        unsafe fn $name(v: $t, best: $t, here: $t, place: $t) -> ($t, $t) {
            let take = $and($cmp::<_CMP_NLE_UQ>(v, best), $cmp::<_CMP_ORD_Q>(best, best));
            ($blend(best, v, take), $blend(place, here, take))
        }
    };
}

larger!(
    larger_f32x16,
    "avx512f",
    __m512,
    _mm512_cmp_ps_mask,
    _mm512_mask_blend_ps,
    mask
);
larger!(
    larger_f64x8,
    "avx512f",
    __m512d,
    _mm512_cmp_pd_mask,
    _mm512_mask_blend_pd,
    mask
);
larger!(
    larger_f32x8,
    "avx2",
    __m256,
    _mm256_cmp_ps,
    _mm256_blendv_ps,
    _mm256_and_ps
);
larger!(
    larger_f64x4,
    "avx2",
    __m256d,
    _mm256_cmp_pd,
    _mm256_blendv_pd,
    _mm256_and_pd
);
