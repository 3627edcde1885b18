//! Transformers' layers: all in Nas on the intrinsics.

/// Multi-head self-attention. `head_dim` sets the width of a head whatever comes in (AutoFormer); else the heads share the input's.
block attention(heads: Int, head_dim: Int? = none, bias: Bool = true)(x: [n, t, d]) -> [n, t, d] {
  let e = head_dim else d / heads
  let (q, k, v) = x |> linear(3 * heads * e, bias) |> rearrange("n t (s h e) -> s n h t e", s: 3, h: heads)
  let weight = softmax(contract("n h t e, n h u e -> n h t u", q, k) / sqrt(e), over: -1)
  contract("n h t u, n h u e -> n h t e", weight, v) |> rearrange("n h t e -> n t (h e)") |> linear(d)
}
/// Attention of `q` over `k` and `v`, each with a projection of its own.
block cross_attention(heads: Int, bias: Bool = true)(q: [n, t, d], k: [n, u, d], v: [n, u, d]) -> [n, t, d] {
  let apart = "n t (h e) -> n h t e"
  let a = q |> linear(d, bias) |> rearrange(apart, h: heads)
  let b = k |> linear(d, bias) |> rearrange(apart, h: heads)
  let c = v |> linear(d, bias) |> rearrange(apart, h: heads)
  let weight = softmax(contract("n h t e, n h u e -> n h t u", a, b) / sqrt(d / heads), over: -1)
  contract("n h t u, n h u e -> n h t e", weight, c) |> rearrange("n h t e -> n t (h e)") |> linear(d, bias)
}
/// Two linear layers with an activation between them.
block mlp(hidden: Int, act: Block = gelu)(x: [..s, d]) -> [..s, d] { x |> linear(hidden) |> act |> linear(d) }
/// x + body(layer_norm(x)), the body dropped for some samples at train.
block pre_norm(body: Block, drop: Rate = 0)(x: [..s, d]) -> [..s, d] { x + (x |> layer_norm |> body |> drop_path(drop)) }
/// Patches of an image as tokens.
block patch_embed(dim: Int, patch: Int)(x: [n, c, h, w]) { x |> conv2d(dim, patch, stride: patch, padding: valid_padding) |> rearrange("n d h w -> n (h w) d") }
