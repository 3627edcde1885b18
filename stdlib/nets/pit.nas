//! Pooling-based vision transformer (Heo et al., ICCV 2021): stages of blocks, between them a stride in the tokens' map and twice the width.
use std.cost.macs

/// The class token and the map of the others, for the next stage.
block pit_pool(out: Int)(t: [n, m, d], x: [n, d, h, w]) -> ([n, m, out], [n, out, _, _]) { (t |> linear(out), x |> conv2d(out, 3, stride: 2, groups: d)) }
block pit_stage(heads: Int, depth: Int, ratio: Int = 4)(t: [n, m, d], x: [n, d, h, w]) -> ([n, m, d], [n, d, h, w]) {
  let z = concat([t, x |> rearrange("n d h w -> n (h w) d")], over: 1) |> repeat depth { pre_norm { attention(heads) } |> pre_norm { mlp(ratio * d) } }
  (z |> take(0..m, over: 1), z |> take(m.., over: 1) |> rearrange("n (h w) d -> n d h w", h: h))
}
block pit(base: Int, depths: [Int] = [2, 6, 4], heads: [Int] = [2, 4, 8], patch: Int = 16, stride: Int = 8, ratio: Int = 4, classes: Int = 1000)(x: [n, c, h, w]) -> [n, classes] {
  let d = base * heads[0]
  let map = x |> conv2d(d, patch, stride: stride, padding: valid_padding)
  param cls: [1, 1, d] ~ trunc_normal(0.02)
  param pos: [1, d, floor((h - patch) / stride) + 1, floor((w - patch) / stride) + 1] ~ trunc_normal(0.02)
  let (token, last) = (expand(cls, n), map + pos)
    |> repeat zip(heads, depths) as (count, depth), s { if s == 0 { pit_stage(count, depth, ratio) } else { pit_pool(base * count) |> pit_stage(count, depth, ratio) } }
  token |> layer_norm |> take(0, over: 1) |> linear(classes)
}
fn pit_tiny() -> Block { pit(32) }
fn pit_xs() -> Block { pit(48) }
fn pit_small() -> Block { pit(48, heads: [3, 6, 12]) }
fn pit_base() -> Block { pit(64, [3, 6, 4], [4, 8, 16], 14, 7) }

test "exact counts at 224" {
  expect [params(b, on: [3, 224, 224]) for b in [pit_tiny(), pit_xs(), pit_small(), pit_base()]] == [4_847_272, 10_618_888, 23_461_912, 73_764_840]
  expect [macs.core(b, on: [3, 224, 224]) for b in [pit_tiny(), pit_xs(), pit_small(), pit_base()]] == [699_059_456, 1_394_699_136, 2_870_796_096, 12_401_916_928]
}
