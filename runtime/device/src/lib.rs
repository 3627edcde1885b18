//! Executes network graphs on Burn's backends: the one crate that names Burn.
