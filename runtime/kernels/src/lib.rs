//! CPU kernels: fused element-wise programs, reductions, convolutions, pooling, matrix products.
//!
//! Every kernel works on plain contiguous row-major slices of `f32` or `f64`, writes into a slice that the caller gives,
//! and gives the same bits every time, on however many threads: how work is cut and the order of every sum are fixed by
//! the shapes.
//! Vector widths are chosen at run time (AVX-512, AVX2 with FMA, or the portable form of the same generic code).

mod aligned;
mod conv;
mod elem;
mod error;
mod fused;
mod gather;
mod large_blocks;
mod matmul;
mod moves;
mod order;
mod pool;
mod simd;
#[cfg(target_arch = "x86_64")]
mod simd_x86;
mod team;

pub use aligned::Aligned;
pub use conv::{Conv2d, conv2d, conv2d_grad_input, conv2d_grad_weight};
pub use elem::Elem;
pub use error::KernelError;
pub use fused::{Input, Instr, Op, Program, Reduce, run_fused, run_fused_reduce};
pub use gather::{gather_rows, one_hot, scatter_add_rows};
pub use large_blocks::large_blocks_apart;
pub use matmul::{Mat, batched_gemm, matmul, scattered_gemm};
pub use moves::{PadMode, concat, copy_block, pad2d, pad2d_zero_grad, permute, slice_copy};
pub use order::{argmax, argmin, argsort, cumsum, sort};
pub use pool::{
    Pool2d, avg_pool2d, avg_pool2d_grad, max_pool2d, max_pool2d_gather, max_pool2d_grad,
};
pub use simd::{Level, level, with_level};
pub use team::{Run, begin, threads};
