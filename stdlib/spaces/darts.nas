//! The cell of DARTS (Liu et al., ICLR 2019): 2 inputs, then 4 nodes, each the sum of 2 of 7 operations on 2 different earlier ones.
use std.cost.macs

block sep_conv(k: Int, affine: Bool = true)(stride: Int)(x: [n, c, h, w]) -> [n, c, _, _] {
  x |> relu |> dw_conv2d(k, stride) |> conv2d(c, 1, bias: false) |> batch_norm(affine: affine)
    |> relu |> dw_conv2d(k) |> conv2d(c, 1, bias: false) |> batch_norm(affine: affine)
}
block dil_conv(k: Int, affine: Bool = true)(stride: Int)(x: [n, c, h, w]) -> [n, c, _, _] {
  x |> relu |> conv2d(c, k, stride, groups: c, dilation: 2, bias: false) |> conv2d(c, 1, bias: false) |> batch_norm(affine: affine)
}
block pooled(pool: Block)(stride: Int)(x: [n, c, h, w]) -> [n, c, _, _] { x |> pool(3, stride: stride, padding: 1) }
/// Nothing at a stride of 1; else two halves of the map, one pixel apart.
block skip(stride: Int)(x: [n, c, h, w]) -> [n, c, _, _] { if stride == 1 { x } else { x |> factorised_reduction(c) } }
block factorised_reduction(out: Int)(x: [n, c, h, w]) -> [n, out, h / 2, w / 2] {
  let y = x |> relu
  let apart = y |> take(1.., over: 2) |> take(1.., over: 3)
  concat([y |> conv2d(out / 2, 1, stride: 2, padding: valid_padding, bias: false), apart |> conv2d(out / 2, 1, stride: 2, padding: valid_padding, bias: false)], over: 1) |> batch_norm
}
/// What the two cells before give, at one width.
block preprocess(out: Int)(x: [n, c, h, w]) -> [n, out, h, w] { x |> relu |> conv2d(out, 1, bias: false) |> batch_norm }

let operations = {
  max_pool_3x3: pooled(max_pool2d), avg_pool_3x3: pooled(avg_pool2d), skip_connect: skip, sep_conv_3x3: sep_conv(3), sep_conv_5x5: sep_conv(5), dil_conv_3x3: dil_conv(3), dil_conv_5x5: dil_conv(5)
}

space darts_cell(width: Int = 16, side: Int = 32) {
  // Node i has i + 2 before it: 1, 3, 6 and 10 pairs.
  let nodes = [{ from: choose [[a, b] for b in 0..(i + 2) for a in 0..b], op: [choose operations for edge in 0..2] } for i in 0..4]
  net(x: [n, width, side, side]) -> [n, 4 * width, side, side] {
    let first = x |> preprocess(width)
    let states = [first, x |> preprocess(width)] |> repeat nodes as node { s => s ++ [(s[node.from[0]] |> node.op[0](1)) + (s[node.from[1]] |> node.op[1](1))] }
    concat(states |> drop(2), over: 1)
  }
}

test "size" { expect size(darts_cell) == 1_037_664_180 }
test "costs" {
  expect min(params(darts_cell)) == 2 * (16 * 16 + 32) and max(params(darts_cell)) == 2 * (16 * 16 + 32) + 8 * 2 * (25 * 16 + 16 * 16 + 32)
  expect all(macs.core(darts_cell[a]) == macs.core(darts_cell[a], on: [16, 32, 32]) for a in sample(darts_cell, 5))
}
