//! Families that grow: moves repeated into a window, budgets that are reached.

/// A move again and again until the raised cost is in a window (a single number: at least that). Invalid where it jumps over the window or the family ends.
intrinsic push(g: Growth, arch: Arch, move: Move, window: Range) -> Arch?
/// The budget, proved to lie between the base's cost and that of the largest member that grows from it.
intrinsic reach(g: Growth, budget: Any, tolerance: Percent = 5%) -> Any
/// Whether moves lead from the base to the first architecture, from that to the second, and so on.
intrinsic reachable(g: Growth, archs: { Text: Arch }) -> Bool
