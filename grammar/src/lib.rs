//! Text to tree and tree to text: the grammar, reader, recovery and formatter of the Nas language.

pub mod ast;
