//! The compiler's facade: one function from a world of files to a checked program.
