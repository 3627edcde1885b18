//! MobileNetV2 (Sandler et al., CVPR 2018), table 2.
use nets.blocks.{conv_bn, round_width, inverted_residual, classifier}
use std.cost.macs

/// Expansion, width, repeats and first stride of each stage.
let rows = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]

block mobilenet_v2(classes: Int = 1000, width: Float = 1)(x: [n, 3, h, w]) -> [n, classes] {
  x |> conv_bn(round_width(32 * width), 3, 2, act: relu6)
    |> repeat rows as (expand, out, repeats, stride) { repeat repeats as i { inverted_residual(round_width(out * width), expand, 3, if i == 0 { stride } else { 1 }) } }
    |> conv_bn(max(1280, round_width(1280 * width)), 1, act: relu6)
    |> dropout(0.2)
    |> classifier(classes)
}

test "exact counts at 224" {
  expect params(mobilenet_v2(), on: [3, 224, 224]) == 3_504_872 and macs.core(mobilenet_v2(), on: [3, 224, 224]) == 300_774_272
  expect params(mobilenet_v2(width: 1.4), on: [3, 224, 224]) == 6_108_776 and macs.core(mobilenet_v2(width: 1.4), on: [3, 224, 224]) == 582_195_824
}
test "conventions differ by what they count of 6,678,112 normalised elements" {
  let net = mobilenet_v2()
  expect macs.fvcore(net, on: [3, 224, 224]) == 300_774_272 + 2 * 6_678_112 + 1280 * 49
  expect macs.thop(net, on: [3, 224, 224]) == 300_774_272 + 4 * 6_678_112 + 1280 * 50
}
