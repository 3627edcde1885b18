//! Runs programs with kernels of our own on the CPU.

/// What the steps of a program become.
#[derive(Debug, Default)]
pub(crate) struct Plan {}
