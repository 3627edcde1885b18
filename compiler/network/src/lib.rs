//! One network graph made ready to run: differentiate, lean, fuse, place.

mod flat;
mod fuse;
mod grad;
mod place;
pub mod reference;
mod vjp;
mod vjp_contract;
mod vjp_layout;

pub use fuse::{FusedKernel, Kernel, fuse};
pub use grad::{Derived, NoGradient, Unreached, differentiate};
pub use place::{Placement, bytes, place};
