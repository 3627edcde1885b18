//! AutoFormer (Chen et al., ICCV 2021): width, depth, and each layer's MLP ratio and heads are open; the tiny supernet is the default.
use nets.deit.deit
use std.cost.macs

/// `head_dim: none` is the variant of training-free studies, in which the heads share the layer's width: they then change no weight's shape.
space autoformer(dims: [Int] = [192, 216, 240], depths: Range = 12..=14, ratios: [Float] = [3.0, 3.5, 4.0], counts: [Int] = [3, 4], head_dim: Int? = 64, side: Int = 224, patch: Int = 16,
  classes: Int = 1000) {
  let dim = choose dims
  let depth = choose depths
  let layers = [{ ratio: choose ratios, heads: choose counts } for layer in 0..depth]
  // "192 4,4,4 333": as many layers as digits.
  encoding "{dim} {layers[*].ratio join ,} {layers[*].heads}"
  net(x: [n, 3, side, side]) -> [n, classes] {
    param cls: [1, 1, dim] ~ trunc_normal(0.02)
    param pos: [1, (side / patch) ^ 2 + 1, dim] ~ trunc_normal(0.02)
    let z = concat([expand(cls, n), x |> patch_embed(dim, patch)], over: 1) + pos
      |> repeat layers as l { pre_norm { attention(l.heads, head_dim) } |> pre_norm { mlp(floor(l.ratio * dim)) } |> tap tokens }
    z |> layer_norm |> take(0, over: 1) |> linear(classes)
  }
}

test "published sizes" {
  expect size(autoformer) == 280_804_921_344
  expect size(autoformer(ratios: [3.5, 4.0])) == 1_056_964_608
}
test "DeiT-Ti is a member" {
  let s = autoformer()
  let ti = s["192 4,4,4,4,4,4,4,4,4,4,4,4 333333333333"]
  expect params(ti) == 5_717_416 and macs.core(ti) == macs.core(deit(192, 3), on: [3, 224, 224])
  expect all(params(s[a]) == params(s[a], on: [3, 224, 224]) and macs.core(s[a]) == macs.core(s[a], on: [3, 224, 224]) for a in sample(s, 5))
}
test "heads that share a width change no weight" {
  let s = autoformer(head_dim: none, ratios: [3.5, 4.0])
  expect all(params(s[a]) == params(s[a with { layers[*].heads: 3 }]) for a in sample(s, 5))
}
