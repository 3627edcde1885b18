//! The MobileNetV3 space of Once-for-All (Cai et al., ICLR 2020): 5 stages of 2 to 4 layers; each layer's kernel and expansion are open.
use nets.blocks.{conv_bn, round_width, squeeze_excite, inverted_residual}
use std.cost.macs

block gate(x: [n, c, h, w]) -> [n, c, h, w] { x |> squeeze_excite(round_width(c / 4), gate: hard_sigmoid) }

space ofa_mobilenet_v3(side: Int = 224, classes: Int = 1000) {
  let depth = [choose 2..=4 for stage in 0..5]
  let stage = [[{ k: choose [3, 5, 7], expand: choose [3, 4, 6] } for layer in 0..d] for d in depth]
  // Depths, then kernels and expansions of the layers that there are: "22222 3333333333 6666666666".
  encoding "{depth join} {stage[*][*].k join} {stage[*][*].expand join}"
  // Width, first stride, activation, gated: MobileNetV3-Large (Howard et al. 2019, table 1).
  let plan = [(24, 2, relu, false), (40, 2, relu, true), (80, 2, hard_swish, false), (112, 1, hard_swish, true), (160, 2, hard_swish, true)]
  net(x: [n, 3, side, side]) -> [n, classes] {
    x |> conv_bn(16, 3, 2, act: hard_swish) |> inverted_residual(16, 1, 3, act: relu)
      |> repeat zip(stage, plan) as (layers, (out, stride, act, gated)) {
      repeat layers as l, i { inverted_residual(out, l.expand, l.k, if i == 0 { stride } else { 1 }, act, if gated { gate } else { identity }) }
    }
      |> conv_bn(960, 1, act: hard_swish) |> mean(over: [2, 3], keep: true) |> conv2d(1280, 1, bias: false) |> hard_swish |> flatten |> linear(classes)
  }
}

test "7,371 stages, five times" { expect size(ofa_mobilenet_v3) == 7371 ^ 5 }
test "costs of all members and of single ones agree" {
  let s = ofa_mobilenet_v3()
  let (least, most) = (s["22222 3333333333 3333333333"], s["44444 77777777777777777777 66666666666666666666"])
  expect min(params(s)) == params(least, on: [3, 224, 224]) and max(params(s)) == params(most, on: [3, 224, 224])
  expect min(macs.core(s)) == macs.core(least, on: [3, 224, 224]) and max(macs.core(s)) == macs.core(most, on: [3, 224, 224])
  expect all(macs.core(s[a]) == macs.core(s[a], on: [3, 224, 224]) for a in sample(s, 5))
}
