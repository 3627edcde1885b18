//! ResNets (He et al., CVPR 2016): for ImageNet, and for CIFAR. In bottlenecks the 3 x 3 convolution strides, as in the code in use since.
use nets.blocks.{conv_bn, shortcut, stages, classifier}
use std.cost.macs

/// Shortcuts that change the shape are a 1 x 1 convolution, with a batch norm behind it or without.
block basic_block(out: Int, stride: Int = 1, normed: Bool = true)(x: [n, c, h, w]) -> [n, out, _, _] {
  let y = x |> conv_bn(out, 3, stride) |> conv_bn(out, 3, act: identity)
  y + (if normed or stride == 1 and out == c { x |> shortcut(out, stride) } else { x |> conv2d(out, 1, stride, bias: false) }) |> relu
}
block bottleneck(width: Int, stride: Int = 1, expand: Int = 4)(x: [n, c, h, w]) -> [n, expand * width, _, _] {
  let y = x |> conv_bn(width, 1) |> conv_bn(width, 3, stride) |> conv_bn(expand * width, 1, act: identity)
  y + (x |> shortcut(expand * width, stride)) |> relu
}
block resnet(depths: [Int], unit: Block = basic_block, widths: [Int] = [64, 128, 256, 512], classes: Int = 1000)(x: [n, 3, h, w]) -> [n, classes] {
  x |> conv_bn(widths[0], 7, 2) |> max_pool2d(3, stride: 2) |> stages(unit, widths, depths) |> classifier(classes)
}
fn resnet18(classes: Int = 1000) -> Block { resnet([2, 2, 2, 2], classes: classes) }
fn resnet34(classes: Int = 1000) -> Block { resnet([3, 4, 6, 3], classes: classes) }
fn resnet50(classes: Int = 1000) -> Block { resnet([3, 4, 6, 3], bottleneck, classes: classes) }
fn resnet101(classes: Int = 1000) -> Block { resnet([3, 4, 23, 3], bottleneck, classes: classes) }

/// He et al. 2016, section 4.2, option A: the shortcut takes every other pixel and pads the new channels with zeros.
block padded_block(out: Int, stride: Int = 1)(x: [n, c, h, w]) -> [n, out, _, _] where out >= c and out <= 2 * c {
  let y = x |> conv_bn(out, 3, stride) |> conv_bn(out, 3, act: identity)
  let near = if stride == 1 { x } else { x |> avg_pool(1, stride: stride) }
  y + (if out == c { near } else { concat([near, (near |> take(0..(out - c), over: 1)) * 0], over: 1) }) |> relu
}
/// 6 m + 2 layers; `unit: padded_block` for shortcuts without weights.
block resnet_cifar(depth: Int, unit: Block = basic_block(_, _, normed: false), classes: Int = 10)(x: [n, 3, h, w]) -> [n, classes] {
  let m = (depth - 2) / 6
  x |> conv_bn(16) |> stages(unit, [16, 32, 64], [m, m, m]) |> classifier(classes)
}

test "exact counts at 224" {
  expect params(resnet18(), on: [3, 224, 224]) == 11_689_512 and macs.core(resnet18(), on: [3, 224, 224]) == 1_814_073_344
  expect params(resnet34(), on: [3, 224, 224]) == 21_797_672 and macs.core(resnet34(), on: [3, 224, 224]) == 3_663_761_408
  expect params(resnet50(), on: [3, 224, 224]) == 25_557_032 and macs.core(resnet50(), on: [3, 224, 224]) == 4_089_184_256
  expect params(resnet101(), on: [3, 224, 224]) == 44_549_160 and macs.core(resnet101(), on: [3, 224, 224]) == 7_801_405_440
}
test "exact counts at 32" {
  expect [params(resnet_cifar(d), on: [3, 32, 32]) for d in [20, 32, 56]] == [272_282, 466_714, 855_578]
  expect [macs.core(resnet_cifar(d), on: [3, 32, 32]) for d in [20, 32, 56]] == [40_813_184, 69_124_736, 125_747_840]
  expect [params(resnet_cifar(d, padded_block), on: [3, 32, 32]) for d in [20, 32, 56]] == [269_722, 464_154, 853_018]
  expect [macs.core(resnet_cifar(d, padded_block), on: [3, 32, 32]) for d in [20, 32, 56]] == [40_551_040, 68_862_592, 125_485_696]
}
test "published figures by tool" {
  expect [macs.fvcore(resnet18(), on: [3, 224, 224]), macs.thop(resnet18(), on: [3, 224, 224])] == [1_819_066_368, 1_824_059_392] within 1e6
}
