//! GhostNet (Han et al., CVPR 2020), table 1, and the stage-scaled family of "Greedy Network Enlarging" (2021).
use nets.blocks.{conv_bn, round_width, squeeze_excite}
use std.cost.macs

/// Half of the maps by a 1 x 1 convolution, the rest from those by a cheap depth-wise one.
block ghost_module(out: Int, k: Int = 1, act: Block = relu)(x: [n, c, h, w]) -> [n, out, h, w] {
  let made = x |> conv_bn(ceil(out / 2), k, act: act)
  concat([made, made |> take(0..floor(out / 2), over: 1) |> cheap(act)], over: 1)
}
block cheap(act: Block)(x: [n, c, h, w]) -> [n, c, h, w] { x |> conv_bn(c, 3, groups: c, act: act) }
block ghost_bottleneck(k: Int, middle: Int, out: Int, gate: Block, stride: Int)(x: [n, c, h, w]) -> [n, out, _, _] {
  let y = x |> ghost_module(middle)
    |> (if stride > 1 { conv_bn(middle, k, stride, groups: middle, act: identity) } else { identity })
    |> gate
    |> ghost_module(out, act: identity)
  y + (if stride == 1 and out == c { x } else { x |> conv_bn(c, k, stride, groups: c, act: identity) |> conv_bn(out, 1, act: identity) })
}
/// Kernel, expansion width, output width, gated, stride.
let rows = [
  (3, 16, 16, false, 1), (3, 48, 24, false, 2), (3, 72, 24, false, 1), (5, 72, 40, true, 2), (5, 120, 40, true, 1), (3, 240, 80, false, 2), (3, 200, 80, false, 1),
  (3, 184, 80, false, 1), (3, 184, 80, false, 1), (3, 480, 112, true, 1), (3, 672, 112, true, 1), (5, 672, 160, true, 2), (5, 960, 160, false, 1),
  (5, 960, 160, true, 1), (5, 960, 160, false, 1), (5, 960, 160, true, 1)
]
block ghostnet(width: Float = 1, classes: Int = 1000)(x: [n, 3, h, w]) -> [n, classes] {
  let to4 = v => round_width(v * width, 4)
  x |> conv_bn(to4(16), 3, 2)
    |> repeat rows as (k, middle, out, gated, stride) {
    ghost_bottleneck(k, to4(middle), to4(out), if gated { squeeze_excite(round_width(to4(middle) / 4, 4), gate: hard_sigmoid) } else { identity }, stride)
  }
    |> conv_bn(to4(960), 1) |> mean(over: [2, 3], keep: true) |> conv2d(1280, 1) |> relu |> flatten |> dropout(0.2) |> linear(classes)
}

test "exact counts at 224" {
  expect [params(ghostnet(w), on: [3, 224, 224]) for w in [0.5, 1.0, 1.3]] == [2_587_292, 5_182_508, 7_358_820]
  expect [macs.core(ghostnet(w), on: [3, 224, 224]) for w in [0.5, 1.0, 1.3]] == [42_328_152, 141_150_512, 227_003_256]
}
