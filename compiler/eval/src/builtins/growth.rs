//! Functions of families that grow: moves repeated into a window, budgets that are reached.

use crate::enlarge;
use crate::value::BuiltinFn;

pub const GROWTH: &[(&str, BuiltinFn)] = &[
    ("push", enlarge::push),
    ("reach", enlarge::reach),
    ("reachable", enlarge::reachable),
];
