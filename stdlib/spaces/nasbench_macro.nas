//! NAS-Bench-Macro (Su et al., CVPR 2021): 8 layers, each passed by, or an inverted residual of one of two sizes. All 3^8 members were trained.
use nets.blocks.{conv_bn, inverted_residual, classifier}
use std.cost.macs

/// The input, or where the shape changes a 1 x 1 convolution.
block passed(out: Int, stride: Int)(x: [n, c, h, w]) -> [n, out, _, _] { if stride == 1 and out == c { x } else { x |> conv_bn(out, 1, stride, act: identity) } }

space nasbench_macro(classes: Int = 10) {
  let layer = [choose { "0": passed, "1": inverted_residual(_, 3, 3, _), "2": inverted_residual(_, 6, 5, _) } for l in 0..8]
  encoding "{layer join}"
  net(x: [n, 3, 32, 32]) -> [n, classes] {
    x |> conv_bn(32, 3, act: relu6)
      |> repeat zip(layer, [64, 64, 128, 128, 128, 256, 256, 256], [2, 1, 2, 1, 1, 2, 1, 1]) as (op, out, stride) { op(out, stride) }
      |> conv_bn(1280, 1, act: relu6)
      |> classifier(classes)
  }
}

table recorded of nasbench_macro from "nasbench_macro/nasbench_macro_cifar10.csv" {
  key arch
  weights: Int from "params"
  flops: Int
}

test "the benchmark's own numbers" {
  expect size(nasbench_macro) == 6_561
  expect range(params(nasbench_macro)) == 387_882 ..= 2_932_586 and range(macs.core(nasbench_macro)) == 7_713_280 ..= 105_660_928
  expect [params(nasbench_macro[a]) for a in ["00000000", "00000001", "22212202", "12012012"]] == [387_882, 791_594, 1_985_514, 2_014_602]
  expect [macs.core(nasbench_macro[a]) for a in ["22212202", "12012012"]] == [85_164_544, 67_092_992]
  expect all(encode(nasbench_macro[encode(a)].arch) == encode(a) for a in sample(nasbench_macro, 100))
}
test "rows of the published table" {
  expect all(recorded[a].weights == params(nasbench_macro[a]) and recorded[a].flops == macs.core(nasbench_macro[a]) for a in sample(nasbench_macro, 200))
}
