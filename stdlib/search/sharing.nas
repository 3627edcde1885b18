//! Sharing policies: which stored weights a use of a block reads. A policy is a function from a use to a slot.
//! `u.place` is the address with every choice erased, `u.option` what was chosen there, `u.shape` the parameter's shape.

/// Each operation of each place has weights of its own.
fn by_operation(u: Use) -> Slot { slot(place: u.place, option: u.option) }
/// All options of a place share one weight; smaller ones read its first channels.
fn entangled(u: Use) -> Slot { slot(place: u.place) |> leading }
/// Nothing is shared between options or shapes.
fn alone(u: Use) -> Slot { slot(path: u.path, shape: u.shape) }
/// One set of weights for all uses of an option in an instance of a block: each edge of a cell reads the same.
fn fully_shared(unit: BlockKind)(u: Use) -> Slot { slot(at: u.within(unit) else u.place, option: u.option) }
/// CLOSE (Zhou et al. 2022): `open` copies of a cell's operations; a gate mixes their outputs, edge by edge. A mix of
/// weights would differ: each copy has a batch norm of its own.
fn glow(unit: BlockKind, open: Int, gate: [edges, k])(u: Use) -> Slot {
  if u.within(unit) is none { slot(place: u.place) } else {
    mix([slot(at: u.within(unit), block: j, option: u.option) for j in 0..open], by: gate[u.site.index, ..open])
  }
}
