//! CPU kernels: fused element-wise programs, reductions, convolutions, pooling, matrix products.
