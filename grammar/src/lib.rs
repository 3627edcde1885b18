//! Text to tree and tree to text: the grammar, reader, recovery and formatter of the Nas language.

pub mod ast;
mod blame;
pub mod codes;
mod format;
mod habits;
mod layout;
mod read;
mod same;
mod strange;

pub use format::format;
pub use read::{parse, parse_expr, parse_exprs};
pub use same::same_tree;
