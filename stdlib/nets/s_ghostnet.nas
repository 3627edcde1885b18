//! GhostNet (Han et al. 2020) by depths and widths of six stages, under the rules of the enlarged S-GhostNets (Liu et al.
//! 2021, as released): expansion by 1, 3, 3, 6 then 2.5, 6, 6; kernels 3, 3, 5, 3, 3, 5; squeeze-and-excitation by 0.1
//! everywhere; a head of max(1280, 5 x the last width).
use nets.blocks.{round_width}
use std.cost.macs.core as macs

let kernels = [3, 3, 5, 3, 3, 5]
let strides = [1, 2, 2, 2, 1, 2]
fn expansion(stage: Int, first: Bool) -> Float { if stage == 3 and not first { 2.5 } else { [1, 3, 3, 6, 6, 6][stage] } }

/// Half of the channels by a 1 x 1 convolution, the other half from those by a cheap one of each channel.
block ghost(out: Int, act: Bool = true)(x: [n, c, h, w]) -> [n, out, h, w] {
  let made = x |> conv2d(out / 2, 1, bias: false) |> batch_norm
  let a = if act { relu(made) } else { made }
  let cheap = a |> dw_conv2d(3) |> batch_norm
  concat([a, if act { relu(cheap) } else { cheap }], over: 1)
}
block squeeze(hidden: Int)(x: [n, c, h, w]) -> [n, c, h, w] {
  x * clamp((x |> mean(over: [2, 3], keep: true) |> conv2d(hidden, 1) |> relu |> conv2d(c, 1)) / 6 + 0.5, 0, 1)
}
block ghost_bottleneck(wide: Int, out: Int, k: Int, stride: Int = 1)(x: [n, c, h, w]) -> [n, out, _, _] {
  let grown = x |> ghost(wide)
  let moved = if stride > 1 { grown |> dw_conv2d(k, stride) |> batch_norm } else { grown }
  let y = moved |> squeeze(round_width(wide * 0.1)) |> ghost(out, act: false)
  if c == out and stride == 1 { x + y } else { y + (x |> dw_conv2d(k, stride) |> batch_norm |> conv2d(out, 1, bias: false) |> batch_norm) }
}
block ghostnet(depths: [Int], widths: [Int], classes: Int = 1000)(x: [n, 3, h, w]) -> [n, classes] {
  let last = widths[5]
  let features = x |> conv2d(widths[0], 3, stride: 2, bias: false) |> batch_norm |> relu
    |> repeat zip(depths, widths) as (d, c), s {
    z => z |> repeat d as j {
      v => v |> ghost_bottleneck(round_width(expansion(s, j == 0) * size(v)[1], 4), c, kernels[s], if j == 0 { strides[s] } else { 1 })
    }
  }
  features |> conv2d(6 * last, 1, bias: false) |> batch_norm |> relu
    |> mean(over: [2, 3]) |> linear(max(1280, 5 * last)) |> relu |> linear(classes)
}

/// Depths, widths and side: the base, and the two that were released.
let base = { depths: [1, 2, 2, 4, 2, 5], widths: [16, 24, 40, 80, 112, 160], side: 224 }
let b1 = { depths: [1, 2, 3, 4, 3, 6], widths: [28, 44, 72, 140, 196, 280], side: 240 }
let b4 = { depths: [3, 5, 5, 12, 6, 14], widths: [36, 60, 108, 168, 232, 336], side: 384 }
fn ghost_macs(c: Record) -> Macs { macs(ghostnet(c.depths, c.widths), on: [3, c.side, c.side]) }
fn ghost_params(c: Record) -> Params { params(ghostnet(c.depths, c.widths), on: [3, c.side, c.side]) }
/// Whether moves that only add blocks, four channels and eight pixels lead from one to the other.
fn only_grows(a: Record, b: Record) -> Bool {
  all(y >= x for (x, y) in zip(a.depths, b.depths)) and all(y >= x and (y - x) % 4 == 0 for (x, y) in zip(a.widths, b.widths)) and b.side >= a.side and (b.side - a.side) % 8 == 0
}

test "the published configurations, recomputed" {
  // Published: 583 M and 4.50 G multiply-accumulates, 11.9 M and 32.0 M parameters.
  expect ghost_macs(base) == 141_184_432 and ghost_macs(b1) == 582_774_650 and ghost_macs(b4) == 4_499_328_576
  expect ghost_params(base) == 4_691_824 and ghost_params(b1) == 11_938_476 and ghost_params(b4) == 31_986_130
}
test "growth leads from each to the next" {
  expect only_grows(base, b1) and only_grows(b1, b4)
  expect not only_grows(b4, b1)
}
/// Multiply-accumulates of each stage, in millions.
fn stage_millions(c: Record) -> [Float] {
  let all = layers(ghostnet(c.depths, c.widths), on: [3, c.side, c.side])
  [sum(l.macs for l in all if not (captures(l.path, join(["ghostnet/repeat/[", s, "]/*"], by: "")) is none)) / 1M for s in 0..6]
}
test "the stages' shares, as computed from the released rules" {
  let near = (c, figures, by) => all(abs(m - f) <= by for (m, f) in zip(stage_millions(c), figures))
  expect near(base, [5.0, 19.5, 12.0, 17.9, 27.0, 44.4], 0.0501) and near(b1, [14.9, 61.6, 54.3, 60.8, 146.5, 199.9], 0.0501) and near(b4, [179, 592, 450, 598, 1096, 1446], 0.501)
}
test "growth is not uniform: factors of widths and depths from the base to B4" {
  expect [round(b / a, to: 0.01) for (a, b) in zip(base.widths, b4.widths)] == [2.25, 2.5, 2.7, 2.1, 2.07, 2.1]
  expect [b / a for (a, b) in zip(base.depths, b4.depths)] == [3, 2.5, 2.5, 3, 3, 2.8]
  expect all(w % 4 == 0 for w in b1.widths ++ b4.widths)
}
