//! Vectors of elements, and the choice of their width at run time.

use crate::elem::Elem;
use std::cell::Cell;

/// The instruction sets that the kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every machine of the target has (SSE2 on x86-64).
    Base,
    /// AVX2 with fused multiply-add.
    Avx2,
    /// AVX-512 (F, VL, BW, DQ).
    Avx512,
}

thread_local! {
    static FORCED: Cell<Option<Level>> = const { Cell::new(None) };
}

/// The best level of this machine, or a lower one that `with_level` asked for.
pub fn level() -> Level {
    let best = best_level();
    FORCED.get().map_or(best, |l| l.min(best))
}

/// What `with_level` says on this thread.
pub(crate) fn forced() -> Option<Level> {
    FORCED.get()
}

/// Runs `f` with kernels of at most this level on this thread and its helpers (for tests and comparisons).
pub fn with_level<R>(at_most: Level, f: impl FnOnce() -> R) -> R {
    with_forced(Some(at_most), f)
}

pub(crate) fn with_forced<R>(at_most: Option<Level>, f: impl FnOnce() -> R) -> R {
    struct Reset(Option<Level>);
    impl Drop for Reset {
        fn drop(&mut self) {
            FORCED.set(self.0);
        }
    }
    let _reset = Reset(FORCED.replace(at_most));
    f()
}

#[cfg(target_arch = "x86_64")]
fn best_level() -> Level {
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
        {
            Level::Avx512
        } else {
            Level::Avx2
        }
    } else {
        Level::Base
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn best_level() -> Level {
    Level::Base
}

/// A vector of `LANES` elements. All methods need the instruction set of the implementing type.
pub trait Vector<E>: Copy {
    /// Elements in one vector.
    const LANES: usize;
    /// Whether fused multiply-add is one instruction here.
    const FMA: bool;
    /// Whether 32 vector registers are at hand (16 otherwise).
    const WIDE_FILE: bool;

    /// Every lane `x`.
    unsafe fn splat(x: E) -> Self;
    /// Reads `LANES` elements.
    unsafe fn load(p: *const E) -> Self;
    /// Writes `LANES` elements.
    unsafe fn store(self, p: *mut E);
    /// `self * b + c`.
    unsafe fn fma(self, b: Self, c: Self) -> Self;
    /// `self + b`.
    unsafe fn add(self, b: Self) -> Self;
    /// Per lane: (self, here) where `self` is larger than `best` or the first NaN, (best, place) elsewhere.
    unsafe fn larger(self, best: Self, here: Self, place: Self) -> (Self, Self);
    /// Writes the transpose of a `LANES` x `LANES` block: `dst[j * ds + i] = src[i * ss + j]`.
    unsafe fn transpose(src: *const E, ss: usize, dst: *mut E, ds: usize);
}

/// The portable vector: an array that the compiler turns into whatever the target has.
#[derive(Clone, Copy)]
pub struct Lanes<E, const N: usize>([E; N]);

impl<E: Elem, const N: usize> Vector<E> for Lanes<E, N> {
    const LANES: usize = N;
    const FMA: bool = false;
    const WIDE_FILE: bool = false;

    #[inline(always)]
    unsafe fn splat(x: E) -> Self {
        Lanes([x; N])
    }
    #[inline(always)]
    unsafe fn load(p: *const E) -> Self {
        // SAFETY: the caller promises N readable elements; an array has the alignment of its element.
        Lanes(unsafe { *p.cast::<[E; N]>() })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut E) {
        // SAFETY: the caller promises N writable elements.
        unsafe { *p.cast::<[E; N]>() = self.0 }
    }
    #[inline(always)]
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        Lanes(std::array::from_fn(|i| self.0[i] * b.0[i] + c.0[i]))
    }
    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        Lanes(std::array::from_fn(|i| self.0[i] + b.0[i]))
    }
    #[inline(always)]
    unsafe fn larger(self, best: Self, here: Self, place: Self) -> (Self, Self) {
        let (mut b, mut p) = (best, place);
        for i in 0..N {
            let take = self.0[i] > best.0[i] || (self.0[i].is_nan() && !best.0[i].is_nan());
            b.0[i] = if take { self.0[i] } else { b.0[i] };
            p.0[i] = if take { here.0[i] } else { p.0[i] };
        }
        (b, p)
    }
    #[inline(always)]
    unsafe fn transpose(src: *const E, ss: usize, dst: *mut E, ds: usize) {
        for i in 0..N {
            for j in 0..N {
                // SAFETY: the caller promises an N x N block on both sides.
                unsafe { *dst.add(j * ds + i) = *src.add(i * ss + j) }
            }
        }
    }
}

/// Work that is compiled once for every vector width.
pub(crate) trait Work<E: Elem> {
    /// What the work gives back.
    type Out;
    /// Does the work with vectors `V`; must be `#[inline(always)]` so that it takes on the caller's instruction set.
    fn run<V: Vector<E>>(self) -> Self::Out;
}

/// Does the work at this level (lowered to what the machine has).
#[inline]
pub(crate) fn dispatch<E: Elem, W: Work<E>>(at: Level, work: W) -> W::Out {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: `best_level` has found these instruction sets on this machine.
        match at.min(best_level()) {
            Level::Avx512 => unsafe { run_avx512(work) },
            Level::Avx2 => unsafe { run_avx2(work) },
            Level::Base => work.run::<E::Base>(),
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = at;
        work.run::<E::Base>()
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn run_avx512<E: Elem, W: Work<E>>(work: W) -> W::Out {
    work.run::<E::Avx512>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn run_avx2<E: Elem, W: Work<E>>(work: W) -> W::Out {
    work.run::<E::Avx2>()
}
