//! What RD-NAS's margin does, exactly, and its teachers beside multiply-accumulates.

/// Shares of an edge's distance between two uniform draws from `options` options in groups of two: equal, within the group, across.
fn edge_distances(options: Int = 4, within: Float = 0.5, across: Float = 2) -> [{ d: Float, p: Float }] {
  [{ d: 0, p: 1 / options }, { d: within, p: 1 / options }, { d: across, p: 1 - 2 / options }]
}
/// The distribution of a sum over `edges` edges, by convolution; equal sums are one entry.
fn summed(edge: [{ d: Float, p: Float }], edges: Int) -> [{ d: Float, p: Float }] { [{ d: 0, p: 1 }] |> repeat edges { t => added(t, edge) } }
fn added(t: [{ d: Float, p: Float }], edge: [{ d: Float, p: Float }]) -> [{ d: Float, p: Float }] {
  let pairs = [{ d: a.d + b.d, p: a.p * b.p } for a in t, b in edge]
  [{ d: d, p: sum(x.p for x in pairs if x.d == d) } for d in distinct([x.d for x in pairs])]
}
fn expected(t: [{ d: Float, p: Float }]) -> Float { sum(x.d * x.p for x in t) }
fn deviation(t: [{ d: Float, p: Float }]) -> Float { sqrt(sum((x.d - expected(t)) ^ 2 * x.p for x in t)) }
/// The share of pairs that pass a margin.
fn passing(t: [{ d: Float, p: Float }], margin: Float) -> Float { sum(x.p for x in t if x.d >= margin) }
/// The share for which ten tries all fail, so that any second member is taken.
fn falling_back(t: [{ d: Float, p: Float }], margin: Float, tries: Int = 10) -> Float { (1 - passing(t, margin)) ^ tries }

test "the group distance under uniform draws" {
  let t = summed(edge_distances(), 6)
  expect sum(x.p for x in t) == 1 within 1e-12
  expect expected(t) == 6.75 within 1e-9 and deviation(t) within 0.005 of 2.19
  expect passing(t, 6.7) within 0.005 of 0.50 and passing(t, 5) within 0.005 of 0.82 and passing(t, 11) within 0.0005 of 0.016
}
test "Hamming distance under uniform draws" {
  let t = summed(edge_distances(4, 1, 1), 6)
  expect expected(t) == 4.5 within 1e-9 and deviation(t) within 0.005 of 1.06
}
test "the released loop has no bound: at margin 11 ten tries often fail" {
  expect falling_back(summed(edge_distances(), 6), 11) > 0.8 and falling_back(summed(edge_distances(), 6), 6.7) < 0.002
}
