//! A network that was trained elsewhere, adopted into the library's NAS-Bench-201: member 2566 (0.83 M parameters) with the weights of
//! MP-NAS-Bench201's authors. Its logits and its accuracy are known. Needs `cifar10` and `weights` under --data.
use search.{nb201, train}

/// The names that the reference implementation gives to what stands at our addresses.
fn reference_names(address: Text) -> Text {
  let rules = [
    ("conv2d/weight", m => "stem.0.weight"),
    ("batch_norm/*", m => "stem.1.{m[0]}"),
    ("repeat/[*]/cell/op[*]:*/conv2d/weight", m => "cells.{m[0]}.layers.{m[1]}.op.1.weight"),
    ("repeat/[*]/cell/op[*]:*/batch_norm/*", m => "cells.{m[0]}.layers.{m[1]}.op.2.{m[3]}"),
    ("repeat.*/[*]/cell/op[*]:*/conv2d/weight", m => "cells.{int(m[1]) + 6 * int(m[0])}.layers.{m[2]}.op.1.weight"),
    ("repeat.*/[*]/cell/op[*]:*/batch_norm/*", m => "cells.{int(m[1]) + 6 * int(m[0])}.layers.{m[2]}.op.2.{m[4]}"),
    ("reduction/*", m => "cells.5.{part(m[0])}"),
    ("reduction.1/*", m => "cells.11.{part(m[0])}"),
    ("linear/weight", m => "classifier.weight"),
    ("linear/b", m => "classifier.bias"),
    ("batch_norm.1/*", m => "lastact.0.{m[0]}"),
  ]
  norm_names(first([r(captures(address, p)) for (p, r) in rules if not (captures(address, p) is none)]))
}
/// Inside a residual block: ReLU, convolution, norm, twice; the way around it.
fn part(inner: Text) -> Text {
  let rules = [
    ("conv2d/*", m => "conv_a.op.1.{m[0]}"),
    ("batch_norm/*", m => "conv_a.op.2.{m[0]}"),
    ("conv2d.1/*", m => "conv_b.op.1.{m[0]}"),
    ("batch_norm.1/*", m => "conv_b.op.2.{m[0]}"),
    ("conv2d.2/*", m => "downsample.1.{m[0]}"),
  ]
  first([r(captures(inner, p)) for (p, r) in rules if not (captures(inner, p) is none)])
}
/// A norm's scale and shift are `weight` and `bias` there.
fn norm_names(name: Text) -> Text {
  let scale = captures(name, "*.scale")
  let shift = captures(name, "*.shift")
  if not (scale is none) { "{scale[0]}.weight" } else if not (shift is none) { "{shift[0]}.bias" } else { name }
}
/// Per channel: mean and deviation of CIFAR-10.
fn standardised(x: [n, 3, h, w]) -> [n, 3, h, w] {
  (x - reshape([0.4914, 0.4822, 0.4465], [1, 3, 1, 1])) / reshape([0.247, 0.243, 0.261], [1, 3, 1, 1])
}

/// The logits of the first eight test rows, by the reference implementation.
let reference = [
  [11.2607, -1.496, 1.2459, -2.0314, -1.3776, -2.2917, -2.0568, -1.596, -0.0417, -1.6264],
  [-1.3827, -2.769, -1.4507, -0.4251, 12.8859, -1.7099, -1.4978, -0.3693, -2.1617, -1.1382],
  [-2.7029, -2.0237, -1.119, 12.5933, -1.0737, -0.8342, 0.7748, -2.3767, -1.7908, -1.457],
  [1.4418, -1.6692, -1.6358, -0.8628, 0.5529, -1.5706, -0.3008, -2.9237, 7.2744, -0.3234],
  [-1.1652, 10.3718, -2.2606, -1.4461, -2.4608, -1.2589, 0.1881, -1.6874, 0.6104, -0.9112],
  [-1.6669, 9.9506, -2.2204, 0.0026, -1.9472, -1.8725, 0.3799, -1.535, -1.3305, 0.2205],
  [2.7174, -1.5976, -2.2922, -0.2683, -0.0408, -1.7443, -1.0665, -2.237, 7.6066, -1.0927],
  [-2.5928, -1.349, -0.3562, -0.2436, -0.6122, -0.9178, 11.2886, -2.3483, -1.9662, -0.9325],
]

pipeline main(rows: Int = 10_000) {
  let space = nb201()
  let arch = decode(space, "|none~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|")
  let test_rows = data.cifar10("cifar10").test.take(rows).map(standardised)
  let w = adopt(data.trained("weights/nb201_2566_cifar10"), space[arch], names: reference_names)
  let logits = first([space[arch, w](x) for (x, y) in test_rows.take(8).batches(8)])
  let right = accuracy(space[arch, w], test_rows)
  let off = max(abs(logits - reshape(reference, [8, 10])))
  report logits, off, right, params: params(space[arch])
  expect off <= 1e-3
  // On all rows, and on the first 2,000, as its providers give them.
  expect right == (if rows == 10_000 { 79.40% } else { 80.45% }) within 0.005%
  budget 10 minutes, 2 GB
}
