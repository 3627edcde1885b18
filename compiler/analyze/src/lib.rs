//! Modules and name resolution: from texts to a program in which every name stands for something.

mod modules;
mod names;
mod walk;

pub use modules::{Library, Loaded, ReadFault, World, load, load_library};
pub use names::{DRAWING_INTRINSICS, check_names};
