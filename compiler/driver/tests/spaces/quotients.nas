//! Classes of members: rewrite rules, graphs up to isomorphism, keys of one's own.
use std.search.nb201.{nb201, fold_skip, propagate_zero, drop_zero, reorder}

space nb101(vertices: Int = 7, edges: Int = 9) {
  let edge = [[choose [false, true] for j in (i + 1)..vertices] for i in 0..(vertices - 1)]
  let op = [choose { conv3x3: 0, conv1x1: 1, maxpool3x3: 2 } for v in 0..(vertices - 2)]
  value op
  where sum(sum(if e { 1 } else { 0 } for e in row) for row in edge) <= edges
}
fn cells(n: Int) -> Int { size(nb101(n) modulo [isomorphic(edge, op)]) }

test "cells up to isomorphism" {
  expect [cells(n) for n in 2..=7] == [1, 7, 91, 2_532, 64_542, 423_624]
}
fn text(o, x) -> Text { if o is none or x == "#" { "#" } else if o is skip_connect { x } else { "({x})@{o}" } }
/// The benchmark's own text of a cell.
fn key(m: nb201) -> Text {
  let x1 = text(m.op[0], "0")
  let x2 = join(sort([text(m.op[1], "0"), text(m.op[2], x1)]), by: "+")
  join(sort([text(m.op[3], "0"), text(m.op[4], x1), text(m.op[5], x2)]), by: "+")
}
test "a key of one's own" {
  expect size(nb201 modulo key) == 6_466
}
test "classes are sampled once" {
  let q = nb201 modulo [fold_skip, propagate_zero]
  let s = sample(q, 6_466)
  expect len(s) == 6_466 and len(distinct([key(a) for a in s[..200]])) == 200
  expect size(q where op[0] is nor_conv_3x3) < 6_466
}

// A formula: commutative operations, double negation.
let unary = { id: x => x, neg: x => -x, abs: abs }
let binary = { add: (a, b) => a + b, mul: (a, b) => a * b, sub: (a, b) => a - b }
space formula {
  let f = [choose unary for i in 0..2]
  let g = [choose unary for i in 0..2]
  let join = choose binary
  value (x, y) => join(f[0](g[0](x)), f[1](g[1](y)))
}
rewrite same { a + b <=> b + a; a * b <=> b * a; -(-x) => x; abs(abs(x)) => abs(x); abs(-x) => abs(x) }
test "formulas" {
  expect size(formula) == 243
  // Of nine pairs of unary functions: x, -x, |x|, -|x| remain.
  expect size(formula modulo [same]) == 4 * 4 * 3
}
