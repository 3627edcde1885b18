//! Spaces of vision transformers: AutoFormer-Ti (Chen et al., ICCV 2021) and PiT (Heo et al., ICCV 2021) as released with Auto-Prox.
//! Trap: two AutoFormers. With `head_dim: 64` queries, keys and values are 64 x heads wide (the original); with `none` they are as wide as
//! the tokens, so that heads change the split and not the parameters (the stand-alone nets of TVT and Auto-Prox).

block encoder(heads: Int, hidden: Int, head_dim: Int? = none)(x: [n, t, d]) -> [n, t, d] {
  x |> pre_norm { attention(heads, head_dim) } |> pre_norm { mlp(hidden) }
}

/// Width, depth, and for each layer that exists the ratio of its MLP and its heads. `patches` are the last layer's, as a map.
space autoformer(classes: Int = 1000, dims: [Int] = [192, 216, 240], depths: Range = 12..=14, ratios = [3.5, 4.0], head_counts = [3, 4], head_dim: Int? = none, side: Int = 224, patch: Int = 16) {
  let dim = choose dims
  let depth = choose depths
  let layers = [{ ratio: choose ratios, heads: choose head_counts } for layer in 0..depth]
  encoding "{dim} {layers[*].ratio by {3.5: 3, 4.0: 4}} {layers[*].heads}"
  net(x: [n, 3, side, side]) -> [n, classes] {
    param cls: [1, 1, dim] ~ trunc_normal(0.02)
    param pos: [1, (side / patch) ^ 2 + 1, dim] ~ trunc_normal(0.02)
    let p = x |> conv2d(dim, patch, stride: patch, padding: valid_padding) |> rearrange("n d h w -> n (h w) d")
    let z = (concat([expand(cls, n), p], over: 1) + pos) |> repeat layers as l { encoder(l.heads, floor(l.ratio * dim), head_dim) }
    tap patches = z |> take(1.., over: 1) |> rearrange("n (h w) d -> n d h w", h: side / patch)
    z |> layer_norm |> take(0, over: 1) |> linear(classes)
  }
}

/// Three stages; between them the map is halved by a depthwise convolution and the class token is widened by a linear layer.
space pit(classes: Int = 1000, side: Int = 224) {
  let base = choose [16, 24, 32, 40]
  let ratio = choose [2, 4, 6, 8]
  let depth = choose {
    "1.6.6": [1, 6, 6],
    "1.8.4": [1, 8, 4],
    "2.4.6": [2, 4, 6],
    "2.6.4": [2, 6, 4],
    "2.6.6": [2, 6, 6],
    "2.8.2": [2, 8, 2],
    "2.8.4": [2, 8, 4],
    "3.4.6": [3, 4, 6],
    "3.6.4": [3, 6, 4],
    "3.8.2": [3, 8, 2],
  }
  // Heads never become fewer.
  let heads = choose {
    "2.2.2": [2, 2, 2],
    "2.2.4": [2, 2, 4],
    "2.2.8": [2, 2, 8],
    "2.4.4": [2, 4, 4],
    "2.4.8": [2, 4, 8],
    "2.8.8": [2, 8, 8],
    "4.4.4": [4, 4, 4],
    "4.4.8": [4, 4, 8],
    "4.8.8": [4, 8, 8],
    "8.8.8": [8, 8, 8],
  }
  encoding "{base} {ratio} {depth} {heads}"
  block shrink(out: Int)(t: [n, 1, d], x: [n, d, h, w]) -> ([n, 1, out], [n, out, ceil(h / 2), ceil(w / 2)]) {
    (t |> linear(out), x |> conv2d(out, 3, stride: 2, groups: d))
  }
  block stage(heads: Int, depth: Int, ratio: Int)(t: [n, 1, d], x: [n, d, h, w]) -> ([n, 1, d], [n, d, h, w]) {
    let z = concat([t, x |> rearrange("n d h w -> n (h w) d")], over: 1) |> repeat depth { encoder(heads, ratio * d) }
    (z |> take(0..1, over: 1), z |> take(1.., over: 1) |> rearrange("n (h w) d -> n d h w", h: h))
  }
  net(x: [n, 3, side, side]) -> [n, classes] {
    param cls: [1, 1, base * heads[0]] ~ trunc_normal(0.02)
    let map = x |> conv2d(base * heads[0], 16, stride: 8, padding: valid_padding)
    param pos: [1, base * heads[0], floor((side - 16) / 8) + 1, floor((side - 16) / 8) + 1] ~ trunc_normal(0.02)
    let (token, last) = (expand(cls, n), map + pos)
      |> repeat zip(heads, depth) as (h, m), s { p => (if s > 0 { shrink(base * h)(p.0, p.1) } else { p }) |> stage(h, m, ratio) }
    tap patches = last
    token |> layer_norm |> take(0, over: 1) |> linear(classes)
  }
}

test "sizes" {
  expect size(autoformer) == 1_056_964_608 and size(pit) == 1_600
}
test "texts are read and written" {
  expect autoformer["216 34344434444333 33443434433443"].arch.depth == 14
  expect all(encode(autoformer[encode(a)].arch) == encode(a) for a in sample(autoformer, 20))
  expect all(encode(pit[encode(a)].arch) == encode(a) for a in sample(pit, 20))
}
test "parameters: DeiT-Ti is a member; without a head size the heads do not count" {
  expect params(autoformer(1000, head_dim: 64)["192 444444444444 333333333333"]) == 5_717_416
  expect params(autoformer(100)["192 343433434443 443433443334"]) == params(autoformer(100)["192 343433434443 333333333333"])
  expect params(autoformer(100)["192 343433434443 443433443334"]) == 5_321_956
  expect params(pit(100)["16 6 2.8.4 2.4.4"]) == 893_828 and params(pit(100)["32 4 1.6.6 2.8.8"]) == 9_736_804
  expect params(autoformer(100, head_dim: 64)["192 343433434443 443433443334"]) > params(autoformer(100, head_dim: 64)["192 343433434443 333333333333"])
}
