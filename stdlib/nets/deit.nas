//! Vision transformers of DeiT (Touvron et al., ICML 2021): pre-norm blocks of width d, a class token, for the distilled a second token and head.
use std.cost.macs

block deit(dim: Int, heads: Int, depth: Int = 12, patch: Int = 16, classes: Int = 1000, distilled: Bool = false, drop: Rate = 0)(x: [n, c, h, w]) -> [n, classes] {
  let extra = if distilled { 2 } else { 1 }
  param cls: [1, extra, dim] ~ trunc_normal(0.02)
  param pos: [1, h / patch * w / patch + extra, dim] ~ trunc_normal(0.02)
  let z = concat([expand(cls, n), x |> patch_embed(dim, patch)], over: 1) + pos
    |> repeat depth as i { pre_norm(attention(heads), drop * i / max(depth - 1, 1)) |> pre_norm(mlp(4 * dim), drop * i / max(depth - 1, 1)) |> tap tokens }
    |> layer_norm
  let head = z |> take(0, over: 1) |> linear(classes)
  if distilled { (head + (z |> take(1, over: 1) |> linear(classes))) / 2 } else { head }
}
fn deit_tiny(distilled: Bool = false) -> Block { deit(192, 3, distilled: distilled) }
fn deit_small(distilled: Bool = false) -> Block { deit(384, 6, distilled: distilled) }
fn deit_base(distilled: Bool = false) -> Block { deit(768, 12, distilled: distilled) }

test "exact counts at 224" {
  expect [params(b, on: [3, 224, 224]) for b in [deit_tiny(), deit_tiny(distilled: true), deit_small(), deit_base()]] == [5_717_416, 5_910_800, 22_050_664, 86_567_656]
  expect [macs.core(b, on: [3, 224, 224]) for b in [deit_tiny(), deit_tiny(distilled: true), deit_small(), deit_base()]] == [1_253_683_200, 1_261_003_776, 4_598_882_304, 17_563_828_224]
}
test "exact counts at 384" { expect params(deit_base(), on: [3, 384, 384]) == 86_859_496 and macs.core(deit_base(), on: [3, 384, 384]) == 55_484_350_464 }
