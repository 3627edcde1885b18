//! NAS-Bench-201 (Dong and Yang, 2020): 6 edges, 5 operations, 15,625 cells.
use std.cost.macs

/// ReLU, convolution, batch norm: the benchmark's own order.
block rcb(k: Int, affine: Bool = true)(x: [n, c, h, w]) -> [n, c, h, w] { x |> relu |> conv2d(c, k, bias: false) |> batch_norm(affine: affine) }
block reduction(out: Int, affine: Bool = true)(x: [n, c, h, w]) -> [n, out, h / 2, w / 2] {
  let main = x |> relu |> conv2d(out, 3, stride: 2, bias: false) |> batch_norm(affine: affine)
    |> relu |> conv2d(out, 3, bias: false) |> batch_norm(affine: affine)
  main + (x |> avg_pool2d(2, stride: 2) |> conv2d(out, 1, bias: false))
}

space nb201(classes: Int = 10, width: Int = 16, cells: Int = 5, side: Int = 32, affine: Bool = true) {
  // Chosen once, used in all cells: each use owns weights at its place, unless a sharing policy says otherwise.
  let op = [choose { none: zero, skip_connect: identity, nor_conv_1x1: rcb(1, affine), nor_conv_3x3: rcb(3, affine), avg_pool_3x3: avg_pool2d(3) } for edge in 0..6]
  encoding "|{op[0]}~0|+|{op[1]}~0|{op[2]}~1|+|{op[3]}~0|{op[4]}~1|{op[5]}~2|"

  block cell(x0: [n, c, h, w]) -> [n, c, h, w] {
    let x1 = x0 |> op[0]
    let x2 = (x0 |> op[1]) + (x1 |> op[2])
    (x0 |> op[3]) + (x1 |> op[4]) + (x2 |> op[5])
  }
  net(x: [n, 3, side, side]) -> [n, classes] {
    tap features = x |> conv2d(width, 3, bias: false) |> batch_norm(affine: affine)
      |> repeat cells { cell } |> reduction(2 * width, affine)
      |> repeat cells { cell } |> reduction(4 * width, affine)
      |> repeat cells { cell } |> batch_norm(affine: affine) |> relu
    features |> mean(over: [2, 3]) |> linear(classes)
  }
}

// Edge order 0>1, 0>2, 1>2, 0>3, 1>3, 2>3: the four input-output paths.
let paths = [[3], [0, 4], [1, 5], [0, 2, 5]]
fn conv_op(o: Option) -> Bool { o is nor_conv_1x1 or o is nor_conv_3x3 }
fn connected(m: nb201) -> Bool { any(all(not (m.op[e] is none) for e in p) for p in paths) }
fn learns(m: nb201) -> Bool { any(all(not (m.op[e] is none) for e in p) and any(conv_op(m.op[e]) for e in p) for p in paths) }

/// Equivalences as rules. A skip hands on what it gets, a sum does not care for order or brackets …
rewrite fold_skip {
  identity(x) => x
  a + b <=> b + a
  (a + b) + c <=> a + (b + c)
}
/// … an operation of nothing is nothing; in a sum it stays as a term of its own: 6,466 classes …
rewrite propagate_zero { any_op(zero(x)) => zero(x) }
/// … and here it does not: 5,390.
rewrite drop_zero { a + zero(x) => a }
/// Operands also change places across the brackets that a skipped sum leaves behind: all that is equal up to batch norm.
rewrite reorder { (a + b) + c <=> (a + c) + b }

test "sizes up to equivalence" {
  expect size(nb201 modulo [fold_skip]) == 12_751
  expect size(nb201 modulo [fold_skip, propagate_zero]) == 6_466
  expect size(nb201 modulo [fold_skip, propagate_zero, drop_zero]) == 5_390
  expect size(nb201 modulo [fold_skip, reorder]) == 11_410
  expect size(nb201 modulo [fold_skip, propagate_zero, reorder]) == 5_755
  expect size(nb201 modulo [fold_skip, propagate_zero, drop_zero, reorder]) == 4_930
}
test "the benchmark's own numbers" {
  expect size(nb201) == 15_625
  expect all(len(neighbours(nb201, a)) == 24 for a in sample(nb201, 50))
  expect size(nb201 where not any(o is none for o in op)) == 4_096
  expect size(nb201 where learns) == 13_642
  expect size(nb201 where not connected) == 341
  expect range(macs.nats(nb201)) == 7.78305M ..= 220.11969M
  expect range(params(nb201)) == 73_306 ..= 1_531_546
  expect macs.nats(nb201["|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"]) == 15.64737M
  expect size(nb201 where macs.nats <= 100M) == 14_080
}
/// One cell of the NATS-Bench discussions, for which three figures are in print: each is one convention's.
test "one cell, three published figures" {
  let cell = nb201["|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"]
  expect macs.nats(cell) == 15.64737M and macs.thop_0_0(cell) == 16.464576M and macs.ptflops(cell) == 16.810634M
}
test "how a cost is spread" {
  let c = macs.core(nb201)
  expect min(c) == 7_783_040 and max(c) == 220_119_680 and mean(c) == 54_968_960 and median(c) == 47_104_640 and quantile(c, 90%) == 90_358_400
  expect sum(bar.members for bar in histogram(c, 5)) == 15_625 and histogram(c, 5)[0].members == 7_984
}
test "texts are read and written" {
  expect all(encode(nb201[encode(a)].arch) == encode(a) for a in sample(nb201, 100))
}
search drawn(space: Space, n: Int) -> [Text] { [encode(~uniform(space)) for i in 0..n] }
test "what is drawn under a seed does not hang on who asks first" {
  let s = nb201(width: 4, cells: 1, side: 16)
  expect drawn(s, 3, seed: 1) == drawn(s, 3, seed: 1)
  let q = s where learns
  let first = drawn(q, 3, seed: 1)
  expect first[..2] == drawn(q, 2, seed: 1)
}
/// Edges with an operation.
fn edges_with(a: Arch, name: Text) -> Int { count(o in captures(encode(a), "|*~0|+|*~0|*~1|+|*~0|*~1|*~2|") where o == name) }
test "costs in closed form, at both sides and for 10 and 100 classes" {
  let fits = (s, classes, side) => all(
    params(s[a]) == 72_656 + 65 * classes + 243_040 * edges_with(a, "nor_conv_3x3") + 28_000 * edges_with(a, "nor_conv_1x1")
      and macs.core(s[a]) == (7_782_400 + 35_389_440 * edges_with(a, "nor_conv_3x3") + 3_932_160 * edges_with(a, "nor_conv_1x1")) / (32 / side) ^ 2 + 64 * classes
      for a in sample(s, 60, seed: 1))
  expect fits(nb201(), 10, 32) and fits(nb201(100), 100, 32) and fits(nb201(120, side: 16), 120, 16)
  // The well-known cell of 1.073466 M and 153.27 M: four 3 x 3 convolutions and a 1 x 1.
  let known_one = nb201["|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"]
  expect params(known_one) == 1_073_466 and macs.core(known_one) within 0.005M of 153.27M
}
test "the small cells of the pipelines: 0.51 M and 0.442 M a 3 x 3 and 0.049 M a 1 x 1 convolution, 1.1 M in the mean, 3.2 M at most" {
  let c = macs.core(nb201(width: 8, cells: 1, side: 16))
  expect min(c) == 514_368 and max(c) == 514_368 + 6 * 442_368 and mean(c) == 1_104_192
  let s = nb201(width: 8, cells: 1, side: 16)
  expect macs.core(s["|nor_conv_1x1~0|+|none~0|none~1|+|none~0|none~1|none~2|"]) - min(c) == 49_152
}
test "without `none` 4,096 cells are 3,131 classes" {
  expect size((nb201 where not any(o is none for o in op)) modulo [fold_skip]) == 3_131
}
