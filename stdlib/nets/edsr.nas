//! EDSR (Lim et al., CVPR workshops 2017): residual blocks without norms, a global shortcut, sub-pixel up-sampling.
use std.cost.macs

/// The mean of DIV2K's colours, of 255.
fn rgb_mean() -> [3, 1, 1] { 255 * [[[0.4488]], [[0.4371]], [[0.4040]]] }
block res_block(width: Int, k: Int = 3, scale: Float = 1)(x: [n, c, h, w]) -> [n, c, h, w] { x + scale * (x |> conv2d(width, k) |> relu |> conv2d(c, k)) }
/// Shi et al. 2016: channels become pixels.
block pixel_shuffle(r: Int)(x: [n, c, h, w]) -> [n, _, r * h, r * w] { x |> rearrange("n (c p q) h w -> n c (h p) (w q)", p: r, q: r) }
/// Twice for 4, once for 2 and 3, nothing for 1.
block upsampler(scale: Int)(x: [n, c, h, w]) -> [n, c, scale * h, scale * w] {
  let turns = if scale == 4 { [2, 2] } else if scale == 1 { [] } else { [scale] }
  x |> repeat turns as r { conv2d(r * r * c, 3) |> pixel_shuffle(r) }
}
block edsr(width: Int = 256, blocks: Int = 32, scale: Int = 2, res_scale: Float = 0.1)(x: [n, 3, h, w]) -> [n, 3, scale * h, scale * w] {
  let f = x - rgb_mean() |> conv2d(width, 3)
  (f + (f |> repeat blocks { res_block(width, 3, res_scale) } |> conv2d(width, 3)) |> upsampler(scale) |> conv2d(3, 3)) + rgb_mean()
}
fn edsr_baseline(scale: Int = 2) -> Block { edsr(64, 16, scale, 1) }

test "exact counts for an output of 1280 x 720" {
  expect params(edsr(), on: [3, 360, 640]) == 40_729_603 and macs.core(edsr(), on: [3, 360, 640]) == 9_384_748_646_400
  expect params(edsr_baseline(), on: [3, 360, 640]) == 1_369_859 and macs.core(edsr_baseline(), on: [3, 360, 640]) == 316_248_883_200
}
