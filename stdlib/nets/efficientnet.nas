//! EfficientNet (Tan and Le, ICML 2019): one net, scaled by compound rule. Squeezes are a quarter of a block's input width.
use nets.blocks.{conv_bn, round_width, squeeze_excite, inverted_residual, classifier}
use std.cost.macs

block mb_conv(out: Int, expand: Int, k: Int, stride: Int)(x: [n, c, h, w]) -> [n, out, _, _] {
  x |> inverted_residual(out, expand, k, stride, act: swish, gate: squeeze_excite(max(1, floor(c / 4)), act: swish))
}
/// Expansion, kernel, stride, width, repeats.
let rows = [(1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)]
block efficientnet(width: Float = 1, depth: Float = 1, classes: Int = 1000)(x: [n, 3, h, w]) -> [n, classes] {
  x |> conv_bn(round_width(32 * width), 3, 2, act: swish)
    |> repeat rows as (expand, k, stride, out, repeats) { repeat ceil(depth * repeats) as i { mb_conv(round_width(out * width), expand, k, if i == 0 { stride } else { 1 }) } }
    |> conv_bn(round_width(1280 * width), 1, act: swish)
    |> dropout(0.2)
    |> classifier(classes)
}
/// Width, depth and image side of B0 .. B7, table 8 of the released code.
let scales = [(1.0, 1.0, 224), (1.0, 1.1, 240), (1.1, 1.2, 260), (1.2, 1.4, 300), (1.4, 1.8, 380), (1.6, 2.2, 456), (1.8, 2.6, 528), (2.0, 3.1, 600)]
fn efficientnet_b(i: Int, classes: Int = 1000) -> Block { efficientnet(scales[i].0, scales[i].1, classes) }

test "exact counts, each at its own side" {
  expect [params(efficientnet_b(i), on: [3, scales[i].2, scales[i].2]) for i in 0..8]
    == [5_288_548, 7_794_184, 9_109_994, 12_233_232, 19_341_616, 30_389_784, 43_040_704, 66_347_960]
  expect [macs.core(efficientnet_b(i), on: [3, scales[i].2, scales[i].2]) for i in 0..8]
    == [385_814_752, 686_802_832, 993_561_872, 1_827_141_392, 4_393_771_024, 10_266_384_752, 19_067_593_536, 37_745_884_192]
}
