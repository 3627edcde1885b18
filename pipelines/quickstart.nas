//! RD-NAS in small, on generated images: rank 4,096 cells with one supernet, and choose one under a budget.
use search.{nb201, samplers, sharing, train, rd_nas}
use std.cost.macs.nats as macs
use std.metrics.kendall_tau

pipeline main(seeds: [Int] = [6, 66], epochs: Int = 16, members: Int = 24) {
  let space = nb201(width: 8, cells: 1, side: 16, affine: false) where not any(o is none for o in op)
  let images = data.generated(1400, test: 400).split(train: 0.7, valid: 0.3)
  let group = margin_pairs(_, distance: group_distance([[nor_conv_1x1, nor_conv_3x3], [skip_connect, avg_pool_3x3]]), margin: 6.7)
  let opt = sgd(cosine(0.1 -> 1e-3), momentum: 0.9, decay: 5e-4)

  let nets = {
    spos: [single_path_training(space, images.train, by_operation, opt, epochs, paths: 2, seed: s) for s in seeds],
    rd_nas: [rd_nas(space, images.train, macs, group, opt: opt, epochs: epochs, seed: s) for s in seeds],
  }
  let archs = sample(space, members)
  let truth = [accuracy(space[a][fit(space[a], images.train, 60, opt, seed: 1)], images.valid) for a in archs]
  let scores = { name: [[accuracy(recalibrate(space[a, w], images.train), images.valid) for a in archs] for w in ws] for (name, ws) in nets }
  let tau = { name: [kendall_tau.b(s, truth) for s in ss] for (name, ss) in scores }
  let mean_score = [mean(s) for s in transpose(scores.rd_nas)]
  let ranking = [{ arch: encode(archs[i]), score: mean_score[i], trained: truth[i], macs: macs(space[archs[i]]), params: params(space[archs[i]]) } for i in order(mean_score)]

  report size: size(space), costs: { macs: distribution(macs(space)), params: distribution(params(space)) }
  report tau, macs_alone: kendall_tau.b([macs(space[a]) for a in archs], truth)
  report ranking, chosen: ranking[0]
  expect size(space) == 4_096
  budget 2 minutes, 2 GB
}
