//! Modules, name resolution and checks of Nas programs.
