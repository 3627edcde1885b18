//! CLOSE, curriculum learning on sharing extent (Zhou et al., ECCV 2022): share everything first, share less later. A
//! cell owns several complete sets of weights (GLOW blocks); a gate, an encoder of the architecture, routes each edge to
//! one of those that are open.
use search.{nb201, sharing}

/// Every event is a change of a setting; what happens then is the trainer's `on change`. In the released code at epochs
/// 1, 201, 401 and 601 of 1,000; the learning rate starts again at 401, and only there.
curriculum sharing_extent() {
  phase 0% { open: 1, cycle: 0 }
  phase 20% { open: 2 }
  phase 40% { open: 3, cycle: 1 }
  phase 60% { open: 4 }
  monotone open
}
/// The same number of blocks from start to end: the controls.
curriculum fixed_extent(n: Int = 1) { phase 0% { open: n, cycle: 0 } }
/// Halved after more than `patience` epochs without a lower mean loss.
schedule plateau(value: Float, factor: Float = 0.5, patience: Int = 30) at now = value * factor ^ stalls(now.losses, patience)

/// NAS-Bench-201's edges: from node, to node.
let edges = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
/// GATES (Ning et al. 2020): a graph encoder with operations on edges; `ops` is the option of each edge. Only the input
/// node passes itself on.
block gates(emb: Int = 48, hidden: Int = 96, widths: [Int] = [128; 5])(ops: [6] of Index) -> [4, _] {
  param op_emb: [5, emb] ~ normal(0, 1)
  param start: [1, emb] ~ normal(0, 1)
  let e = gather(op_emb, ops)
  let live = (ops > 0) as f32
  let into = [[if d == j { 1 } else { 0 } for (s, d) in edges] for j in 0..4]
  let from = [[if s == i { 1 } else { 0 } for (s, d) in edges] for i in 0..4]
  concat([start, zeros[3, emb]], over: 0) |> linear(hidden, bias: false) |> repeat widths as c, i {
    z => {
      let v = z |> linear(c, bias: false)
      let m = sigmoid(e |> linear(c, bias: false)) * reshape(live, [6, 1])
      let sent = contract("i k, i c -> k c", from, v) * m
      let y = contract("j k, k c -> j c", into, sent) + v * reshape([1, 0, 0, 0], [4, 1])
      if i + 1 < len(widths) { y |> relu } else { y }
    }
  }
}
/// One row of shares an edge over the open blocks. At train a straight-through Gumbel softmax; at infer the largest logit
/// without noise (the released evaluation leaves the noise on).
block router(k: Int = 4, open: Int = 4, temperature: Float = 5, hidden: Int = 200)(ops: [6] of Index) -> [6, open] {
  let nodes = ops |> gates()
  let z = concat([gather(nodes, [s for (s, d) in edges]), gather(nodes, [d for (s, d) in edges])], over: 1)
    |> repeat 3 { linear(hidden) |> relu |> dropout(0.1) } |> linear(k)
  z[.., ..open] |> straight_gumbel(temperature)
}
block straight_gumbel(temperature: Float = 5)(z: [e, k]) -> [e, k] {
  at train {
    let g ~ gumbel[e, k]
    let soft = softmax((z + g) / temperature, over: 1)
    surrogate(one_hot(argmax(soft, over: 1), k), via: soft)
  } at infer { one_hot(argmax(z, over: 1), k) }
}

/// One architecture a batch, gradients into the chosen blocks and the gate. A block that opens starts as its own draw plus
/// the block before it, every tensor, batch statistics too; so does its row of the gate's last layer.
trainer close(space: Space, cell: BlockKind, data: Data, extent: Curriculum = sharing_extent(), blocks: Int = 4, inherit: Bool = true, opt: Optimiser = sgd(plateau(0.05), momentum: 0.9, decay: 5e-4, clip: 5), epochs: Epochs = 1000, batch: Int = 256, hidden: Int = 200) -> { net: Weights, gate: Weights } {
  weights w = init(space, glow(cell, open: blocks, gate: _))
  weights g = init(router(blocks, blocks, hidden: hidden))
  for (x, y) in data.batches(batch, epochs: epochs) {
    let c = extent(now)
    on change(c.open) as k {
      if inherit {
        w[block: k - 1] := w[block: k - 1] + w[block: k - 2]
        g[last linear].row(k - 1) := g[last linear].row(k - 1) + g[last linear].row(k - 2)
      }
    }
    on change(c.cycle) { restart(opt) }
    let a ~ uniform(space)
    let shares = router(blocks, c.open, hidden: hidden)[g](indices(a))
    minimise cross_entropy(space[a, w, glow(cell, c.open, shares)](x), y) over (w, g) by opt
    keep { net: w, gate: g, open: c.open, losses: now.losses } every 10%
  }
  { net: w, gate: g, open: extent(epoch 999_999 of 1_000_000).open }
}
/// A member with the weights of a point of the training, its edges routed by the gate.
fn routed(space: Space, cell: BlockKind, point: Record, a: Arch, blocks: Int = 4, hidden: Int = 200) -> Net {
  space[a, point.net, glow(cell, point.open, router(blocks, point.open, hidden: hidden)[point.gate](indices(a)))]
}

/// The variant for spaces of stages (NDS): no gate; a stage's repeated positions read shared blocks by a map of contiguous groups, here their
/// lengths. Groups as even as can be, the longer ones first.
fn group_lengths(positions: Int, groups: Int) -> [Int] { [floor(positions / groups) + (if i < positions % groups { 1 } else { 0 }) for i in 0..groups] }
/// Half of one group becomes a group of its own, and starts as the one it came from plus its own draw: the left-most that is longer than 1 …
fn split_first(groups: [Int]) -> [Int] { split_at(groups, min([i for (n, i) in enumerate(groups) if n > 1] ++ [len(groups)])) }
/// … or the longest, the first of several.
fn split_longest(groups: [Int]) -> [Int] { split_at(groups, if max(groups) > 1 { position(max(groups), in: groups) } else { len(groups) }) }
fn split_at(groups: [Int], i: Int) -> [Int] { if i >= len(groups) { groups } else { groups[..i] ++ [ceil(groups[i] / 2), floor(groups[i] / 2)] ++ groups[i + 1..] } }
/// The group of each position.
fn group_map(groups: [Int]) -> [Int] { [g for (n, g) in enumerate(groups) for i in 0..n] }
test "groups of the stage spaces: 9, then two more at each of four events for ResNet, one for ResNeXt-A" {
  let start = group_lengths(23, 9)
  expect sum(start) == 23 and start == [3, 3, 3, 3, 3, 2, 2, 2, 2] and group_map([2, 1, 3]) == [0, 0, 1, 2, 2, 2]
  expect len(start |> repeat 8 { g => split_first(g) }) == 17 and len(start |> repeat 4 { g => split_first(g) }) == 13
  expect len(start |> repeat 8 { g => split_longest(g) }) == 17 and sum(start |> repeat 8 { g => split_longest(g) }) == 23
  expect split_first([1, 2, 4]) == [1, 1, 1, 4] and split_longest([1, 2, 4]) == [1, 2, 2, 2] and split_first([1, 1]) == [1, 1]
}
test "the events of the reference" {
  expect changes(sharing_extent().open, 1000 epochs) == [200, 400, 600]
  expect changes(sharing_extent().cycle, 1000 epochs) == [400]
  expect phases(sharing_extent())[2].settings == { open: 3, cycle: 1 }
  expect changes(fixed_extent(4).open, 1000 epochs) == []
}
test "slots" {
  let small = nb201(width: 8, cells: 1, side: 16, affine: false)
  // Three cells. Six edges with a 1 x 1 and a 3 x 3 convolution each; fully shared, one of each; and four of each in blocks.
  expect len(slots(small, by_operation)) - len(slots(small, fully_shared(nb201.cell))) == 3 * (6 * 2 - 2)
  expect len(slots(small, glow(nb201.cell, 4, gate: _))) - len(slots(small, fully_shared(nb201.cell))) == 3 * (4 - 1) * 2
}
test "one share an edge" {
  let r = router(4, 3)
  let out = r(indices(nb201["|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|"].arch))
  expect size(out) == [6, 3]
  expect all(sum(out[i]) == 1 within 1e-6 for i in 0..6)
  expect sum(abs(out * (1 - out))) == 0 within 1e-6
}
test "a plateau halves" {
  expect stalls([3, 2, 1, 1, 1, 1], 2) == 1 and stalls([3, 2, 1, 1, 1], 2) == 0
  expect stalls([1, 1, 1, 1, 1, 1, 1], 2) == 2
  expect plateau(0.05)(epoch 3 of 10) == 0.05
}
test "curricula that are refused" {
  curriculum late() { phase 10% { open: 1 } }
  curriculum twice() { phase 0% { open: 1 }   phase 20% { open: 2 }   phase 20% { open: 3 } }
  curriculum unset() { phase 0% { open: 1 }   phase 20% { cycle: 1 } }
  curriculum back() { phase 0% { open: 1 }   phase 20% { open: 3 }   phase 30% { open: 2 }   monotone open }
  expect rejected { late()(epoch 0 of 10) }
  expect rejected { twice()(epoch 0 of 10) }
  expect rejected { unset()(epoch 0 of 10) }
  expect rejected { back()(epoch 0 of 10) }
  expect not rejected { sharing_extent()(epoch 0 of 10) }
}
