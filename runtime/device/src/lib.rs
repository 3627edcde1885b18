//! Executes network graphs on Burn's backends: the one crate that names Burn.
//!
//! A graph becomes a [`Program`] once and is run many times by an [`Executor`], which holds a device and one of two sets of
//! kernels: Burn's, on any device, or our own on the CPU. Both give the same numbers up to rounding; each gives the same
//! bits every time.

#[cfg(test)]
mod checks;
mod device;
mod executor;
mod fault;
mod host;
mod onburn;
mod own;
mod program;
mod shape;
mod value;

pub use device::Device;
pub use executor::{Executor, Kernels};
pub use fault::{DeviceFault, NonFinite, RunFault};
pub use nasc_kernels::{Aligned, threads};
pub use onburn::OnDevice;
pub use own::Spent;
pub use program::{NoSlots, Program, Slots};
pub use value::Value;
