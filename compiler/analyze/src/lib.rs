//! Modules, names and types: from texts to a program in which every name stands for something, and what follows of types.

mod clock;
mod contracts;
mod effects;
mod modules;
mod names;
mod recursion;
mod sealed;
mod spaces;
mod types;
pub mod walk;

pub use contracts::check_contracts;
pub use effects::{Effect, check_effects, effects};
pub use modules::{Library, Loaded, ReadFault, World, load, load_all, load_library};
pub use names::{DRAWING_INTRINSICS, check_names};
pub use recursion::check_recursion;
pub use types::{Typed, check_types};
