//! The element types, and scratch memory that each thread keeps.

use crate::simd::Vector;
use num_traits::Float;
use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// An element of a tensor: `f32` or `f64`.
pub trait Elem:
    Float + Default + Send + Sync + std::fmt::Debug + std::iter::Sum + crate::fused::Math + 'static
{
    /// Vectors of every machine.
    type Base: Vector<Self>;
    /// Vectors with AVX2.
    type Avx2: Vector<Self>;
    /// Vectors with AVX-512.
    type Avx512: Vector<Self>;

    /// The nearest element.
    fn of(x: f64) -> Self;
    /// The value as `f64`, exactly.
    fn wide(self) -> f64;
    #[doc(hidden)]
    fn take_buffer() -> Vec<Self>;
    #[doc(hidden)]
    fn give_buffer(buffer: Vec<Self>);
}

macro_rules! elem {
    ($e:ty, $pool:ident, $base:ty, $avx2:ident, $avx512:ident) => {
        thread_local! {
            static $pool: RefCell<Vec<Vec<$e>>> = const { RefCell::new(Vec::new()) };
        }

        impl Elem for $e {
            type Base = $base;
            #[cfg(target_arch = "x86_64")]
            type Avx2 = crate::simd_x86::$avx2;
            #[cfg(target_arch = "x86_64")]
            type Avx512 = crate::simd_x86::$avx512;
            #[cfg(not(target_arch = "x86_64"))]
            type Avx2 = $base;
            #[cfg(not(target_arch = "x86_64"))]
            type Avx512 = $base;

            #[inline(always)]
            fn of(x: f64) -> Self {
                x as $e
            }
            #[inline(always)]
            fn wide(self) -> f64 {
                self as f64
            }
            fn take_buffer() -> Vec<Self> {
                $pool.with_borrow_mut(|p| p.pop()).unwrap_or_default()
            }
            fn give_buffer(buffer: Vec<Self>) {
                $pool.with_borrow_mut(|p| {
                    if p.len() < 16 {
                        p.push(buffer);
                    }
                });
            }
        }
    };
}

elem!(f32, POOL32, crate::simd::Lanes<f32, 4>, F32x8, F32x16);
elem!(f64, POOL64, crate::simd::Lanes<f64, 2>, F64x4, F64x8);

/// Scratch of `len` elements on a 64-byte border, with whatever the last user left in it; goes back to the thread's pool.
pub(crate) struct Scratch<E: Elem> {
    buffer: Vec<E>,
    start: usize,
    len: usize,
}

impl<E: Elem> Scratch<E> {
    pub(crate) fn new(len: usize) -> Self {
        let mut buffer = E::take_buffer();
        let slack = 64 / size_of::<E>();
        if buffer.len() < len + slack {
            buffer.clear();
            buffer.resize(len + slack, E::default());
        }
        let start = buffer.as_ptr().align_offset(64).min(slack);
        Scratch { buffer, start, len }
    }
}

impl<E: Elem> Drop for Scratch<E> {
    fn drop(&mut self) {
        E::give_buffer(std::mem::take(&mut self.buffer));
    }
}

impl<E: Elem> Deref for Scratch<E> {
    type Target = [E];
    fn deref(&self) -> &[E] {
        &self.buffer[self.start..self.start + self.len]
    }
}

impl<E: Elem> DerefMut for Scratch<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        &mut self.buffer[self.start..self.start + self.len]
    }
}
