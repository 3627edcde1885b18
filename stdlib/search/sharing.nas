//! Sharing policies: which stored weights a use of a block reads. A policy is a function from a use to a slot.
//! `u.place` is the address with every choice erased, `u.option` what was chosen there, `u.shape` the parameter's shape.

/// Each operation of each place has weights of its own.
fn by_operation(u: Use) -> Slot { slot(place: u.place, option: u.option) }
/// All options of a place share one weight; smaller ones read its first channels.
fn entangled(u: Use) -> Slot { slot(place: u.place) |> leading }
/// Nothing is shared between options or shapes.
fn alone(u: Use) -> Slot { slot(path: u.path, shape: u.shape) }
