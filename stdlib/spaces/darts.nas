//! The cell of DARTS (Liu et al., ICLR 2019): 2 input nodes, 4 inner nodes with 2 different inputs each, 7 operations.
use std.cost.macs

block sep_conv(k: Int, stride: Int = 1, affine: Bool = true)(x: [n, c, h, w]) -> [n, c, _, _] {
  x |> relu |> dw_conv2d(k, stride) |> conv2d(c, 1, bias: false) |> batch_norm(affine: affine)
    |> relu |> dw_conv2d(k) |> conv2d(c, 1, bias: false) |> batch_norm(affine: affine)
}
/// Depth-wise with holes, point-wise, batch norm.
block dil_conv(k: Int, stride: Int = 1, affine: Bool = true)(x: [n, c, h, w]) -> [n, c, _, _] {
  x |> relu |> conv2d(c, k, stride, groups: c, dilation: 2, bias: false) |> conv2d(c, 1, bias: false) |> batch_norm(affine: affine)
}
/// Two halves of the map, one pixel apart, each at a stride of 2.
block factorised_reduction(out: Int, affine: Bool = true)(x: [n, c, h, w]) -> [n, out, h / 2, w / 2] {
  let y = x |> relu
  let apart = y |> pad2d(1) |> take(2.., over: 2) |> take(2.., over: 3)
  concat([y |> conv2d(out / 2, 1, stride: 2, padding: valid_padding, bias: false), apart |> conv2d(out / 2, 1, stride: 2, padding: valid_padding, bias: false)], over: 1) |> batch_norm(affine: affine)
}
