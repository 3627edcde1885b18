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
/// The released curricula of three and of five blocks: epochs 1, 201, 401, and 801 for the fifth.
curriculum three_blocks() {
  phase 0% { open: 1, cycle: 0 }
  phase 20% { open: 2 }
  phase 40% { open: 3, cycle: 1 }
  monotone open
}
curriculum five_blocks() {
  phase 0% { open: 1, cycle: 0 }
  phase 20% { open: 2 }
  phase 40% { open: 3, cycle: 1 }
  phase 60% { open: 4 }
  phase 80% { open: 5 }
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
/// The same for any graph: `links` run from a node to a node, `inputs` are the nodes that hand themselves on (two in a DARTS cell), `options` the operations with
/// `zero` for the one that passes nothing, -1 where there is none. For NAS-Bench-301 as released: `emb: 32, hidden: 32, widths: [64; 4]`.
block graph_encoder(links: [(Int, Int)] = edges, nodes: Int = 4, inputs: [Int] = [0], options: Int = 5, zero: Int = 0, emb: Int = 48, hidden: Int = 96, widths: [Int] = [128; 5])(ops: [len(links)] of Index) -> [nodes, _] {
  param op_emb: [options, emb] ~ normal(0, 1)
  param start: [len(inputs), emb] ~ normal(0, 1)
  let is_input = [if j in inputs { 1 } else { 0 } for j in 0..nodes]
  let place = [[if i == n { 1 } else { 0 } for i in inputs] for n in 0..nodes]
  let into = [[if d == j { 1 } else { 0 } for (s, d) in links] for j in 0..nodes]
  let from = [[if s == i { 1 } else { 0 } for (s, d) in links] for i in 0..nodes]
  let live = 1 - ((ops == zero) as f32)
  let op = gather(op_emb, ops)
  contract("j i, i c -> j c", place, start) |> linear(hidden, bias: false) |> repeat widths as c, i {
    z => {
      let v = z |> linear(c, bias: false)
      let m = sigmoid(op |> linear(c, bias: false)) * reshape(live, [len(links), 1])
      let sent = contract("i k, i c -> k c", from, v) * m
      let y = contract("j k, k c -> j c", into, sent) + v * reshape(is_input, [nodes, 1])
      if i + 1 < len(widths) { y |> relu } else { y }
    }
  }
}
/// The 14 edges of a DARTS cell: each of four nodes from all before it, the first two of which are the inputs.
let darts_edges = [(s, d) for d in 2..6 for s in 0..d]
/// One row of shares an edge over the open blocks. At train a straight-through Gumbel softmax; at infer the largest logit
/// without noise (the released evaluation leaves the noise on).
block router(k: Int = 4, open: Int = 4, temperature: Float = 5, hidden: Int = 200)(ops: [6] of Index) -> [6, open] {
  let nodes = ops |> gates()
  let z = concat([gather(nodes, [s for (s, d) in edges]), gather(nodes, [d for (s, d) in edges])], over: 1)
    |> repeat 3 { linear(hidden) |> relu |> dropout(0.1) } |> linear(k)
  z[.., ..open] |> straight_gumbel(temperature)
}
/// The released variant for a whole architecture: the output node's embedding gives all edges' logits at once.
block graph_router(k: Int = 4, open: Int = 4, temperature: Float = 5, hidden: Int = 200)(ops: [6] of Index) -> [6, open] {
  let z = ops |> gates() |> take(3..4, over: 0) |> repeat 3 { linear(hidden) |> relu |> dropout(0.1) } |> linear(6 * k) |> rearrange("g (e k) -> (g e) k", e: 6)
  z[.., ..open] |> straight_gumbel(temperature)
}
/// The gate of edges for a cell of your own: `links` and what else `graph_encoder` takes.
block link_router(links: [(Int, Int)] = edges, nodes: Int = 4, inputs: [Int] = [0], options: Int = 5, zero: Int = 0, k: Int = 4, open: Int = 4, temperature: Float = 5, hidden: Int = 200)(ops: [len(links)] of Index) -> [len(links), open] {
  let n = ops |> graph_encoder(links, nodes, inputs, options, zero)
  let z = concat([gather(n, [s for (s, d) in links]), gather(n, [d for (s, d) in links])], over: 1) |> repeat 3 { linear(hidden) |> relu |> dropout(0.1) } |> linear(k)
  z[.., ..open] |> straight_gumbel(temperature)
}
/// The ablation: each edge of an architecture goes to an open block by logits that are drawn once and never learned, a sum over the operations of
/// all six edges, so that architectures differ, and each is routed alike in training and afterwards.
block random_router(k: Int = 4, open: Int = 4)(ops: [6] of Index) -> [6, open] {
  param table: [6, 30, k] ~ normal(0, 1)
  let z = contract("e m k, m -> e k", stop(table), flatten(one_hot(ops, 5), from: 0))
  one_hot(argmax(z[.., ..open], over: 1), open)
}
/// A gate for the trainer: what makes it of the blocks, the open ones and a width; rows of its last layer that a block owns; whether it is learned.
let edge_gate = { make: (k, open, hidden) => router(k, open, hidden: hidden), edges: 1, learned: true }
let graph_gate = { make: (k, open, hidden) => graph_router(k, open, hidden: hidden), edges: 6, learned: true }
let random_gate = { make: (k, open, hidden) => random_router(k, open), edges: 0, learned: false }
/// The same for cells of any shape, whose edges are the space's first sites, in the order of `links`.
fn gate_of(links: [(Int, Int)], nodes: Int, inputs: [Int] = [0], options: Int = 5, zero: Int = 0) -> Record {
  { make: (k, open, hidden) => link_router(links, nodes, inputs, options, zero, k, open, hidden: hidden), edges: 1, learned: true }
}
block straight_gumbel(temperature: Float = 5)(z: [e, k]) -> [e, k] {
  at train {
    let g ~ gumbel[e, k]
    let soft = softmax((z + g) / temperature, over: 1)
    surrogate(one_hot(argmax(soft, over: 1), k), via: soft)
  } at infer { one_hot(argmax(z, over: 1), k) }
}

/// One architecture a batch, gradients into the chosen blocks and the gate. A block that opens starts as its own draw plus
/// the block before it, every tensor, batch statistics too; so do its rows of the gate's last layer. `gate` is one of `edge_gate`, `graph_gate`, `random_gate`.
trainer close(space: Space, cell: BlockKind, data: Data, extent: Curriculum = sharing_extent(), blocks: Int = 4, inherit: Bool = true, opt: Optimiser = sgd(plateau(0.05), momentum: 0.9, decay: 5e-4, clip: 5), epochs: Epochs = 1000, batch: Int = 256, hidden: Int = 200, gate: Record = edge_gate) -> { net: Weights, gate: Weights } {
  weights w = init(space, glow(cell, open: blocks, gate: _))
  weights g = init(gate.make(blocks, blocks, hidden))
  for (x, y) in data.batches(batch, epochs: epochs) {
    let c = extent(now)
    on change(c.open) as k {
      if inherit {
        w[block: k - 1] := w[block: k - 1] + w[block: k - 2]
        for e in 0..gate.edges { g[last linear].row(e * blocks + k - 1) := g[last linear].row(e * blocks + k - 1) + g[last linear].row(e * blocks + k - 2) }
      }
    }
    on change(c.cycle) { restart(opt) }
    let a ~ uniform(space)
    let shares = gate.make(blocks, c.open, hidden)[g](indices(a))
    let loss = cross_entropy(space[a, w, glow(cell, c.open, shares)](x), y)
    if gate.learned { minimise loss over (w, g) by opt } else { minimise loss over w by opt }
    keep { net: w, gate: g, open: c.open, losses: now.losses } every 10%
  }
  { net: w, gate: g, open: extent(epoch 999_999 of 1_000_000).open }
}
/// A member with the weights of a point of the training, its edges routed by the gate.
fn routed(space: Space, cell: BlockKind, point: Record, a: Arch, blocks: Int = 4, hidden: Int = 200, gate: Record = edge_gate) -> Net {
  space[a, point.net, glow(cell, point.open, gate.make(blocks, point.open, hidden)[point.gate](indices(a)))]
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
test "three and five blocks" {
  expect changes(three_blocks().open, 1000 epochs) == [200, 400] and changes(five_blocks().open, 1000 epochs) == [200, 400, 600, 800]
  expect changes(three_blocks().cycle, 1000 epochs) == [400] and changes(five_blocks().cycle, 1000 epochs) == [400]
}
let some_cell = nb201["|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|"].arch
test "every gate gives one block an edge, among those that are open" {
  expect for_gates(edge_gate) and for_gates(graph_gate) and for_gates(random_gate)
}
fn for_gates(gate: Record) -> Bool { all(for_open(gate, open) for open in 1..=4) }
fn for_open(gate: Record, open: Int) -> Bool {
  let r = gate.make(4, open, 16)(indices(some_cell))
  size(r) == [6, open] and sum(abs(r * (1 - r))) < 1e-6 and all(abs(sum(r[i]) - 1) < 1e-6 for i in 0..6)
}
test "a random gate routes an architecture alike each time, uses all blocks, and learns nothing" {
  let g = random_router(4, 4)
  let w = init(g)
  let routes = [argmax(g[w](indices(a)), over: 1) for a in sample(nb201, 200, seed: 1)]
  expect g[w](indices(some_cell)) == g[w](indices(some_cell))
  expect len(distinct([encode_route(r) for r in routes])) > 150
  let used = mean([one_hot(r, 4) for r in routes])
  expect all(u > 0.02 for u in mean(used, over: 0))
}
fn encode_route(r: Tensor) -> Text { join([r[i] for i in 0..6]) }
test "a node that nothing reaches has no embedding, and a graph's encoder is that of the cell" {
  let nothing = graph_encoder(edges, 4)([0, 0, 0, 0, 0, 0])
  expect size(nothing) == [4, 128] and sum(abs(nothing[1..])) == 0 and sum(abs(nothing[0])) > 0
  // Two inputs, 14 edges, of which one leaves the second input.
  let darts = graph_encoder(darts_edges, 6, inputs: [0, 1], options: 7, zero: -1, emb: 32, hidden: 32, widths: [64; 4])
  expect len(darts_edges) == 14 and size(darts([0; 14])) == [6, 64]
  let one = graph_encoder(darts_edges, 6, inputs: [0, 1], options: 8, zero: 7, emb: 32, hidden: 32, widths: [64; 4])([7, 3, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7])
  expect sum(abs(one[2])) > 0 and sum(abs(one[3..])) == 0
}
/// Of the 6,466 classes those that learn: what the released sampler draws from, `uniform` of this space.
test "the de-isomorphised space that is sampled" {
  expect size((nb201 modulo [fold_skip, propagate_zero]) where learns) == 6_321
}
/// Three edges and three operations.
space tri(classes: Int = 4) {
  let op = [choose { none: zero, conv: act_conv(3), point: act_conv(1) } for e in 0..3]
  block act_conv(k: Int)(x: [n, c, h, w]) -> [n, c, h, w] { x |> relu |> conv2d(c, k, bias: false) |> batch_norm(affine: false) }
  block cell(x0: [n, c, h, w]) -> [n, c, h, w] {
    let x1 = x0 |> op[0]
    (x0 |> op[1]) + (x1 |> op[2])
  }
  net(x: [n, 3, 16, 16]) -> [n, classes] { x |> conv2d(8, 3, bias: false) |> batch_norm |> repeat 2 { cell } |> mean(over: [2, 3]) |> linear(classes) }
}
let tri_links = [(0, 1), (0, 2), (1, 2)]
test "a cell of one's own, and a gate for it" {
  let g = gate_of(tri_links, 3, options: 3)
  let r = close(tri, tri.cell, data.generated(96, 4, test: 4), extent: sharing_extent(), gate: g, opt: sgd(constant(0.01)), epochs: 3, batch: 32, hidden: 8, seed: 1)
  let a = sample(tri, 1)[0]
  let net = routed(tri, tri.cell, last(r.history), a, hidden: 8, gate: g)
  expect finite(net(ones[1, 3, 16, 16]))
}
