//! RegNet X and Y (Radosavovic et al., CVPR 2020): widths and depths follow from five numbers.
use nets.blocks.{conv_bn, squeeze_excite, shortcut, classifier}
use std.cost.macs

/// The quantised linear rule, section 3.3: u_j = w0 + wa j is brought to powers of wm and to multiples of 8; equal widths are a stage.
fn regnet_stages(depth: Int, w0: Float, wa: Float, wm: Float, group: Int) -> [{ width: Int, depth: Int, groups: Int }] {
  let all = [8 * round(w0 * wm ^ round(log((w0 + wa * j) / w0) / log(wm)) / 8) for j in 0..depth]
  [fitted(r.value, r.length, group) for r in runs(all)]
}
/// Widths divide by the groups' width, which is at most the stage's.
fn fitted(width: Int, depth: Int, group: Int) -> { width: Int, depth: Int, groups: Int } {
  let g = min(group, width)
  { width: g * round(width / g), depth: depth, groups: round(width / g) }
}
block regnet_block(out: Int, groups: Int, stride: Int, gated: Bool)(x: [n, c, h, w]) -> [n, out, _, _] {
  let y = x |> conv_bn(out, 1) |> conv_bn(out, 3, stride, groups: groups) |> (if gated { squeeze_excite(round(c / 4)) } else { identity }) |> conv_bn(out, 1, act: identity)
  y + (x |> shortcut(out, stride)) |> relu
}
block regnet(depth: Int, w0: Float, wa: Float, wm: Float, group: Int, gated: Bool = false, classes: Int = 1000)(x: [n, 3, h, w]) -> [n, classes] {
  x |> conv_bn(32, 3, 2)
    |> repeat regnet_stages(depth, w0, wa, wm, group) as s { repeat s.depth as i { regnet_block(s.width, s.groups, if i == 0 { 2 } else { 1 }, gated) } }
    |> classifier(classes)
}
/// Depth, w0, wa, wm and group width of the released models, by their MACs.
let x_family = {
  x200mf: (13, 24, 36.44, 2.49, 8), x400mf: (22, 24, 24.48, 2.54, 16), x600mf: (16, 48, 36.97, 2.24, 24), x800mf: (16, 56, 35.73, 2.28, 16),
  x1600mf: (18, 80, 34.01, 2.25, 24), x3200mf: (25, 88, 26.31, 2.25, 48), x4000mf: (23, 96, 38.65, 2.43, 40), x6400mf: (17, 184, 60.83, 2.07, 56),
  x8000mf: (23, 80, 49.56, 2.88, 120), x12gf: (19, 168, 73.36, 2.37, 112), x16gf: (22, 216, 55.59, 2.1, 128), x32gf: (23, 320, 69.86, 2.0, 168)
}
let y_family = {
  y200mf: (13, 24, 36.44, 2.49, 8), y400mf: (16, 48, 27.89, 2.09, 8), y600mf: (15, 48, 32.54, 2.32, 16), y800mf: (14, 56, 38.84, 2.4, 16),
  y1600mf: (27, 48, 20.71, 2.65, 24), y3200mf: (21, 80, 42.63, 2.66, 24), y4000mf: (22, 96, 31.41, 2.24, 64), y6400mf: (25, 112, 33.22, 2.27, 72),
  y8000mf: (17, 192, 76.82, 2.19, 56), y12gf: (19, 168, 73.36, 2.37, 112), y16gf: (18, 200, 106.23, 2.48, 112), y32gf: (20, 232, 115.89, 2.53, 232)
}
fn regnet_x(r: (Int, Float, Float, Float, Int)) -> Block { regnet(r.0, r.1, r.2, r.3, r.4) }
fn regnet_y(r: (Int, Float, Float, Float, Int)) -> Block { regnet(r.0, r.1, r.2, r.3, r.4, gated: true) }

test "widths and depths" {
  expect [[s.width for s in regnet_stages(r.0, r.1, r.2, r.3, r.4)] for r in [x_family.x200mf, x_family.x4000mf, y_family.y32gf]]
    == [[24, 56, 152, 368], [80, 240, 560, 1360], [232, 696, 1392, 3712]]
  expect [[s.depth for s in regnet_stages(r.0, r.1, r.2, r.3, r.4)] for r in [x_family.x200mf, x_family.x4000mf, y_family.y32gf]]
    == [[1, 1, 4, 7], [2, 5, 14, 2], [2, 5, 12, 1]]
}
test "exact counts of the X family at 224" {
  expect [params(regnet_x(r), on: [3, 224, 224]) for r in values(x_family)]
    == [2_684_792, 5_157_512, 6_196_040, 7_259_656, 9_190_136, 15_296_552, 22_118_248, 26_209_256, 39_572_648, 46_106_056, 54_278_536, 107_811_560]
  expect [macs.core(regnet_x(r), on: [3, 224, 224]) for r in values(x_family)]
    == [199_039_872, 397_677_568, 600_890_112, 799_699_712, 1_602_849_792, 3_176_621_952, 3_964_498_816, 6_460_291_264, 7_995_132_416, 12_086_678_016, 15_940_755_456, 31_735_929_792]
}
test "exact counts of the Y family at 224" {
  expect [params(regnet_y(r), on: [3, 224, 224]) for r in values(y_family)]
    == [3_162_996, 4_344_144, 6_055_160, 6_263_168, 11_202_430, 19_436_338, 20_646_656, 30_583_252, 39_180_068, 51_822_544, 83_590_140, 145_046_770]
  expect [macs.core(regnet_y(r), on: [3, 224, 224]) for r in values(y_family)]
    == [199_514_080, 401_842_848, 601_220_992, 797_176_832, 1_612_076_160, 3_176_482_752, 3_973_288_448, 6_355_204_992, 7_963_057_312, 12_092_376_576, 15_911_510_272, 32_279_552_832]
}
