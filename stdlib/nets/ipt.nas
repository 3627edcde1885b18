//! Image processing transformer (Chen et al., CVPR 2021): one body for many restorations, a head, a tail and a query table a task.
use nets.edsr.{rgb_mean, res_block, upsampler}
use std.cost.macs

block task_head(width: Int)(x: [n, c, h, w]) -> [n, width, h, w] { x |> conv2d(width, 3) |> repeat 2 { res_block(width, 5) } }
block task_tail(up: Int)(x: [n, c, h, w]) -> [n, 3, up * h, up * w] { x |> upsampler(up) |> conv2d(3, 3) }
/// A learned table: as many rows as tokens.
block query_table(t: Int, d: Int)() -> [t, d] {
  param q: [t, d] ~ normal(0, 1)
  q
}
block ipt_encoder(heads: Int)(x: [n, t, d]) -> [n, t, d] {
  let u = x |> layer_norm
  x + cross_attention(heads, bias: false)(u, u, u) |> residual { layer_norm |> mlp(4 * d, relu) }
}
/// The task's query is added to queries and keys, not to values.
block ipt_decoder(heads: Int)(y: [n, t, d], memory: [n, t, d], q: [t, d]) -> [n, t, d] {
  let u = y |> layer_norm
  let a = y + cross_attention(heads, bias: false)(u + q, u + q, u)
  let b = a + cross_attention(heads, bias: false)((a |> layer_norm) + q, memory, memory)
  b |> residual { layer_norm |> mlp(4 * d, relu) }
}
/// A multi-task net is a space whose members are tasks: lists indexed by the open task have weights a task, all else is shared.
space ipt(width: Int = 64, patch: Int = 3, depth: Int = 12, heads: Int = 12, side: Int = 48) {
  let up = [2, 3, 4, 1, 1, 1]
  let task = choose { x2: 0, x3: 1, x4: 2, derain: 3, noise30: 4, noise50: 5 }
  let d = width * patch ^ 2
  let head = [task_head(width) for u in up]
  let tail = [task_tail(u) for u in up]
  let query = [query_table((side / patch) ^ 2, d) for u in up]
  encoding "{task}"
  net(x: [n, 3, side, side]) -> [n, 3, up[task] * side, up[task] * side] {
    param pos: [(side / patch) ^ 2, d] ~ normal(0, 1)
    let h = x - rgb_mean() |> head[task]
    let q = query[task]()
    let tokens = h |> rearrange("n c (a p) (b q) -> n (a b) (c p q)", p: patch, q: patch) |> residual { linear(d) }
    let memory = tokens + pos |> repeat depth { ipt_encoder(heads) }
    tap features = memory |> repeat depth { y => ipt_decoder(heads)(y, memory, q) } |> residual { linear(4 * d) |> relu |> linear(d) }
    let f = features |> rearrange("n (a b) (c p q) -> n c (a p) (b q)", a: side / patch, p: patch, q: patch)
    (f + h |> tail[task]) + rgb_mean()
  }
}

test "exact sizes" {
  expect [params(ipt[t]) for t in ["x2", "x3", "x4", "derain", "noise30", "noise50"]] == [115_460_419, 115_645_059, 115_608_131, 115_312_707, 115_312_707, 115_312_707]
  expect macs.core(ipt["x2"]) == 33_323_728_896
}
