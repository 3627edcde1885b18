//! CLOSE on mini NAS-Bench-201: tau over training for all-shared, fixed K and CLOSE, with and without inheritance, ranked
//! against ground truth of our own and NAS-Bench-201's recorded accuracies. Needs `cifar10` and `nasbench201` under
//! --data; `reduced` is a small form on generated images.
use search.{nb201, train, close}
use std.metrics.kendall_tau

table recorded of nb201 from "nasbench201/accuracy.csv" {
  key arch
  test: Percent from "c10_test_200"
}

pipeline main(real: Bool = true, seeds: [Int] = [0, 1, 2], epochs: Int = 20, images: Int = 4_000, members: Int = 40, steps: Int = 300, judge: Int = 500) {
  let space = nb201(width: 8, cells: 1, side: 16, affine: false) where learns
  let source = if real { data.cifar10("cifar10").take(images).map(halved) } else { data.generated(images, test: 100) }
  let parts = source.split(train: 0.8, valid: 0.2)
  let jury = parts.valid.take(judge)
  let opt = sgd(cosine(0.05 -> 1e-3), momentum: 0.9, decay: 5e-4, clip: 5)
  let train = close(space, nb201.cell, parts.train, extent: _, inherit: _, opt: opt, epochs: epochs, batch: 64, hidden: 64, seed: _)

  let archs = sample(space, members)
  let truths = [[accuracy(space[a][fit(space[a], parts.train, steps, opt, seed: s)], jury) for a in archs] for s in [1, 2]]
  let own = [mean(t) for t in transpose(truths)]
  let runs = {
    all_shared: [train(extent: fixed_extent(1), inherit: true, seed: s) for s in seeds],
    four: [train(extent: fixed_extent(4), inherit: true, seed: s) for s in seeds],
    close: [train(extent: sharing_extent(), inherit: true, seed: s) for s in seeds],
    no_inherit: [train(extent: sharing_extent(), inherit: false, seed: s) for s in seeds],
  }
  let scores = { name: [[[accuracy(recalibrate(routed(space, nb201.cell, h, a, hidden: 64), parts.train, batches: 4), jury) for a in archs] for h in r.history] for r in rs] for (name, rs) in runs }
  let tau = { name: [[kendall_tau.b(s, own) for s in curve] for curve in curves] for (name, curves) in scores }
  let under = { name: mean([area(c) for c in curves]) for (name, curves) in tau }
  // The mean loss of the first epoch with a new block, less that of the epoch before it.
  let opened = [floor(epochs * at) for at in [0.2, 0.4, 0.6]]
  let losses = { name: [last(r.history).losses for r in rs] for (name, rs) in runs }
  let jump = { name: mean([mean([l[e] - l[e - 1] for e in opened]) for l in ls]) for (name, ls) in losses }
  let end = { name: [last(c) for c in curves] for (name, curves) in tau }

  report tau: { name: [mean(t) for t in transpose(curves)] for (name, curves) in tau }, under, end: { name: mean(t) for (name, t) in end }, spread: { name: std(t) for (name, t) in end }
  report ceiling: kendall_tau.b(truths[0], truths[1]), accuracies: scatter(own, [0 for a in archs])
  report jump, losses: { name: mean_over(ls) for (name, ls) in losses }
  expect jump.close < jump.no_inherit
  expect under.close >= max(under.all_shared, under.four) - 0.02
  budget 40 minutes, 2 GB
}
/// Two arms, small enough for a first look: does the loss jump where a block opens? Generated images; no data are needed.
pipeline reduced(seeds: [Int] = [0, 1], epochs: Int = 10, images: Int = 1_200, members: Int = 8, steps: Int = 40) {
  let space = nb201(width: 8, cells: 1, side: 16, affine: false) where learns
  let parts = data.generated(images, test: 100).split(train: 0.8, valid: 0.2)
  let opt = sgd(cosine(0.05 -> 1e-3), momentum: 0.9, decay: 5e-4, clip: 5)
  let archs = sample(space, members)
  let own = [accuracy(space[a][fit(space[a], parts.train, steps, opt, seed: 1)], parts.valid) for a in archs]
  let runs = {
    close: [close(space, nb201.cell, parts.train, opt: opt, epochs: epochs, batch: 64, hidden: 32, seed: s) for s in seeds],
    no_inherit: [close(space, nb201.cell, parts.train, inherit: false, opt: opt, epochs: epochs, batch: 64, hidden: 32, seed: s) for s in seeds],
  }
  let ranked = h => kendall_tau.b([accuracy(recalibrate(routed(space, nb201.cell, h, a, hidden: 32), parts.train, batches: 4), parts.valid) for a in archs], own)
  let tau = { n: [ranked(last(r.history)) for r in rs] for (n, rs) in runs }
  let losses = { n: [last(r.history).losses for r in rs] for (n, rs) in runs }
  let opened = [floor(epochs * at) for at in [0.2, 0.4, 0.6]]
  let jump = { n: mean([mean([l[e] - l[e - 1] for e in opened]) for l in ls]) for (n, ls) in losses }
  report jump, tau, losses: { n: mean_over(ls) for (n, ls) in losses }
  budget 5 minutes, 2 GB
}
/// Who routes: the gate of edges, the gate of a whole architecture, or one that is drawn once and never learned; the same space, curriculum and truth as above.
pipeline gates(real: Bool = true, seeds: [Int] = [0, 1, 2], epochs: Int = 20, images: Int = 4_000, members: Int = 40, steps: Int = 300, judge: Int = 500) {
  let space = nb201(width: 8, cells: 1, side: 16, affine: false) where learns
  let source = if real { data.cifar10("cifar10").take(images).map(halved) } else { data.generated(images, test: 100) }
  let parts = source.split(train: 0.8, valid: 0.2)
  let jury = parts.valid.take(judge)
  let opt = sgd(cosine(0.05 -> 1e-3), momentum: 0.9, decay: 5e-4, clip: 5)
  let archs = sample(space, members)
  let truths = [[accuracy(space[a][fit(space[a], parts.train, steps, opt, seed: s)], jury) for a in archs] for s in [1, 2]]
  let own = [mean(t) for t in transpose(truths)]
  let kinds = { edges: edge_gate, architecture: graph_gate, random: random_gate }
  let runs = { n: [close(space, nb201.cell, parts.train, opt: opt, epochs: epochs, batch: 64, hidden: 64, gate: g, seed: s) for s in seeds] for (n, g) in kinds }
  let ranked = (r, g) => kendall_tau.b([accuracy(recalibrate(routed(space, nb201.cell, r, a, hidden: 64, gate: g), parts.train, batches: 4), jury) for a in archs], own)
  let tau = { n: [[ranked(h, kinds[n]) for h in r.history] for r in rs] for (n, rs) in runs }
  let under = { n: [area(c) for c in curves] for (n, curves) in tau }
  report tau: { n: mean_over(curves) for (n, curves) in tau }, under: { n: mean(u) for (n, u) in under }, spread: { n: std(u) for (n, u) in under }
  report losses: { n: mean_over([last(r.history).losses for r in rs]) for (n, rs) in runs }, ceiling: kendall_tau.b(truths[0], truths[1])
  expect mean(under.edges) >= mean(under.random)
  budget 40 minutes, 2 GB
}
fn mean_over(rows: [[Float]]) -> [Float] { [mean(c) for c in transpose(rows)] }
