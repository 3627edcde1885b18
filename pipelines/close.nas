//! CLOSE on mini NAS-Bench-201: tau over training for all-shared, fixed K and CLOSE, with and without inheritance, ranked
//! against ground truth of our own and NAS-Bench-201's recorded accuracies. Needs `cifar10` and `nasbench201` under
//! --data; `--set real=false` is a reduced form on generated images.
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
fn mean_over(rows: [[Float]]) -> [Float] { [mean(c) for c in transpose(rows)] }
