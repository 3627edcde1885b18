//! Evaluates Nas programs: concretely, over open choices, and abstractly for checking.

pub mod program;
