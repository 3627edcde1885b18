//! The space of pooling-based vision transformers that training-free studies search (TVT, Auto-Prox).
use nets.pit.{pit_pool, pit_stage}
use std.cost.macs

space pit_space(classes: Int = 1000) {
  let base = choose [16, 24, 32, 40]
  let ratio = choose [2, 4, 6, 8]
  let depth = choose [[1, 6, 6], [1, 8, 4], [2, 4, 6], [2, 6, 4], [2, 6, 6], [2, 8, 2], [2, 8, 4], [3, 4, 6], [3, 6, 4], [3, 8, 2]]
  // Heads never become fewer.
  let heads = choose [[a, b, c] for a in [2, 4, 8] for b in [2, 4, 8] for c in [2, 4, 8] if a <= b and b <= c]
  encoding "{base} {ratio} {depth} {heads}"
  net(x: [n, 3, 224, 224]) -> [n, classes] {
    let map = x |> conv2d(base * heads[0], 16, stride: 8, padding: valid_padding)
    param cls: [1, 1, base * heads[0]] ~ trunc_normal(0.02)
    param pos: [1, base * heads[0], 27, 27] ~ trunc_normal(0.02)
    let (token, last) = (expand(cls, n), map + pos)
      |> repeat 3 as s { if s == 0 { pit_stage(heads[s], depth[s], ratio) } else { pit_pool(base * heads[s]) |> pit_stage(heads[s], depth[s], ratio) } }
    token |> layer_norm |> take(0, over: 1) |> linear(classes)
  }
}

test "size and costs" {
  expect size(pit_space) == 1_600
  expect range(params(pit_space)) == 83_784 ..= 27_707_880 and range(macs.core(pit_space)) == 86_109_472 ..= 9_323_027_520
  expect all(macs.core(pit_space[a]) == macs.core(pit_space[a], on: [3, 224, 224]) for a in sample(pit_space, 3))
}
test "PiT-Ti is a member" {
  let ti = [a for a in sample(pit_space, 1_600) if a.base == 32 and a.ratio == 4 and a.depth == [2, 6, 4] and a.heads == [2, 4, 8]]
  expect len(ti) == 1 and params(pit_space[ti[0]]) == 4_847_272 and macs.core(pit_space[ti[0]]) == 699_059_456
}
