//! One network graph made ready to run: differentiate, lean, fuse, place.

mod flat;
mod grad;
pub mod reference;
mod vjp;
mod vjp_contract;
mod vjp_layout;

pub use grad::{Derived, NoGradient, Unreached, differentiate};
