//! One network graph made ready to run: differentiate, lean, fuse, place.

mod again;
mod flat;
mod fuse;
mod grad;
mod lean;
mod lean_layout;
mod place;
mod prepare;
pub mod reference;
mod sums;
mod vjp;
mod vjp_contract;
mod vjp_layout;

pub use fuse::{FusedKernel, Kernel, Reduction, fuse};
pub use grad::{Derived, NoGradient, Unreached, differentiate};
pub use lean::lean;
pub use place::{Placement, bytes, place};
pub use prepare::{Ready, prepare};
