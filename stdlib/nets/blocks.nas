//! What many convolutional nets are made of.

/// Convolution without bias, batch norm, activation.
block conv_bn(out: Int, k: Int = 3, stride: Int = 1, groups: Int = 1, act: Block = relu)(x: [n, c, h, w]) -> [n, out, _, _] {
  x |> conv2d(out, k, stride, groups: groups, bias: false) |> batch_norm |> act
}
/// `v` to the nearest multiple of `to`, never more than a tenth below it (Sandler et al. 2018, released code).
fn round_width(v: Float, to: Int = 8) -> Int { round_to(to, v, keep: 0.9) }
/// Hu et al. 2018: channels weighed by what the whole image shows.
block squeeze_excite(hidden: Int, act: Block = relu, gate: Block = logistic)(x: [n, c, h, w]) -> [n, c, h, w] {
  x * (x |> mean(over: [h, w], keep: true) |> conv2d(hidden, 1) |> act |> conv2d(c, 1) |> gate)
}
/// Sandler et al. 2018, section 3: wide inside, narrow and linear outside. `gate` stands behind the depth-wise unit.
block inverted_residual(out: Int, expand: Int, k: Int = 3, stride: Int = 1, act: Block = relu6, gate: Block = identity)(x: [n, c, h, w]) -> [n, out, _, _] {
  let e = expand * c
  let y = (if expand == 1 { x } else { x |> conv_bn(e, 1, act: act) }) |> conv_bn(e, k, stride, groups: e, act: act) |> gate |> conv_bn(out, 1, act: identity)
  if stride == 1 and out == c { x + y } else { y }
}
/// The input itself, or brought to a new shape by one convolution.
block shortcut(out: Int, stride: Int = 1)(x: [n, c, h, w]) -> [n, out, _, _] {
  if stride == 1 and out == c { x } else { x |> conv_bn(out, 1, stride, act: identity) }
}
/// Stages of one unit: each begins with a stride of 2, the first with `first`.
block stages(unit: Block, widths: [Int], depths: [Int], first: Int = 1)(x: [n, c, h, w]) {
  x |> repeat zip(widths, depths) as (width, depth), s { repeat depth as i { unit(width, if i > 0 { 1 } else if s == 0 { first } else { 2 }) } }
}
/// Global average pooling and a linear layer.
block classifier(classes: Int)(x: [n, c, h, w]) -> [n, classes] { x |> mean(over: [h, w]) |> linear(classes) }

test "widths go to multiples" { expect [round_width(v) for v in [44.8, 32, 17.6, 9.6]] == [48, 32, 16, 16] and round_width(3.5, 4) == 4 }
