//! The one error of this crate: arguments that do not fit each other.

use std::fmt;

/// Arguments of a kernel that do not fit each other (lengths, axes, indices); nothing useful was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelError(pub &'static str);

impl fmt::Display for KernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for KernelError {}

/// An error with this text unless the condition holds.
pub(crate) fn need(ok: bool, text: &'static str) -> Result<(), KernelError> {
    if ok { Ok(()) } else { Err(KernelError(text)) }
}

/// The product of sizes, or an error where it overflows.
pub(crate) fn product(sizes: &[usize]) -> Result<usize, KernelError> {
    sizes
        .iter()
        .try_fold(1usize, |a, &b| a.checked_mul(b))
        .ok_or(KernelError("the product of the sizes overflows"))
}
