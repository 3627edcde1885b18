//! Executes what a program asks for: graphs on a device, data from files, results in a store, parts side by side.

mod bare;
mod buffer;
mod execute;
mod gate;
mod samples;

pub use bare::Bare;
pub use execute::{OPERATIONS, Options, Runtime};
pub use nasc_device::{Aligned, Device, Kernels};
pub use nasc_store::Disk;
