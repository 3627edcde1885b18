//! The ResNet-48 space of the CVPR 2022 NAS challenge's supernet track: depths, and widths by seven ratios, of a net of basic blocks.
//! The second convolutions of a stage share one width, the first stage's is the stem's; first convolutions are free.
use nets.blocks.{conv_bn, round_width, shortcut, classifier}
use nets.resnet.resnet
use std.cost.macs

let ratios = [1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7]

/// A basic block whose first convolution has a width of its own.
block narrow_block(inner: Int, out: Int, stride: Int)(x: [n, c, h, w]) -> [n, out, _, _] {
  let y = x |> conv_bn(inner, 3, stride) |> conv_bn(out, 3, act: identity)
  y + (x |> shortcut(out, stride)) |> relu
}

space resnet48(side: Int = 224, classes: Int = 1000) {
  let base = [64, 128, 256, 512]
  let depth = [choose 2..=most for most in [5, 5, 8, 5]]
  let outer = [choose ratios for s in 0..4]
  let inner = [[choose ratios for b in 0..d] for d in depth]
  net(x: [n, 3, side, side]) -> [n, classes] {
    x |> conv_bn(round_width(base[0] * outer[0]), 7, 2) |> max_pool2d(3, stride: 2)
      |> repeat zip(base, outer, inner) as (most, ratio, widths), s {
        repeat widths as r, i { narrow_block(round_width(most * r), round_width(most * ratio), if i == 0 and s > 0 { 2 } else { 1 }) }
      }
      |> classifier(classes)
  }
}

test "size" { expect size(resnet48) == (7 * 19_600) ^ 3 * 7 * 6_725_593 }
test "the largest member is a ResNet of its depths, the smallest is counted too" {
  let most = resnet([5, 5, 8, 5])
  expect max(params(resnet48)) == params(most, on: [3, 224, 224]) and max(macs.core(resnet48)) == macs.core(most, on: [3, 224, 224])
  expect all(params(resnet48[a]) == params(resnet48[a], on: [3, 224, 224]) for a in sample(resnet48, 3))
}
