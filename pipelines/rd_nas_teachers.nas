//! RD-NAS with other teachers, and with other margins: who should say which of two cells is better, and how far apart should they be?
//! Learning rate as in `rd_nas.nas`. `main` ranks NAS-Bench-201 cells on CIFAR-10 (needs `nasbench201` and `cifar10` under --data); `reduced` runs on generated images.
use search.{nb201, proxies, rd_nas, samplers, sharing, train}
use std.cost.macs.nats as macs
use std.metrics.kendall_tau

table recorded of nb201 from "nasbench201/accuracy.csv" {
  key arch
  test: Percent from "c10_test_200"
}
fn cells(width: Int = 8) -> Space { nb201(width: width, cells: 1, side: 16, affine: false) where not any(o is none for o in op) }
let distance = group_distance([[nor_conv_1x1, nor_conv_3x3], [skip_connect, avg_pool_3x3]])
/// naswot looks at what goes into each relu.
fn teachers(batch: Record) -> Record { { macs: macs, zen: n => zen(n, 8, 1), synflow: n => log(synflow(n)), naswot: n => naswot(n, batch) } }

fn inherited(space: Space, w: Weights, images: Record, archs: [Arch]) -> [Float] { [accuracy(recalibrate(space[a, w], images.train, batches: 4), images.valid) for a in archs] }

pipeline main(seeds: [Int] = [6, 66, 666], epochs: Int = 12, images: Int = 6_000, members: Int = 40) {
  let space = cells()
  let cifar = data.cifar10("cifar10").take(images).map(halved).split(train: 0.7, valid: 0.3)
  let opt = sgd(cosine(0.1 -> 1e-3), momentum: 0.9, decay: 5e-4)
  let archs = sample(space, members)
  let truth = [recorded[a].test for a in archs]
  let asked = teachers(cifar.train.batch(16))
  let alone = { n: kendall_tau.b([t(space[a]) for a in archs], truth) for (n, t) in asked }
  let far = margin_pairs(_, distance: distance, margin: 6.7)
  let by_teacher = { n: [kendall_tau.b(inherited(space, rd_nas(space, cifar.train, t, far, opt: opt, epochs: epochs, seed: s), cifar, archs), truth) for s in seeds] for (n, t) in asked }
  let spos = [kendall_tau.b(inherited(space, single_path_training(space, cifar.train, by_operation, opt, epochs, paths: 2, seed: s), cifar, archs), truth) for s in seeds]
  let pairs = { random: random_pairs, hamming: margin_pairs(_, distance: hamming, margin: 4.5), group_5: margin_pairs(_, distance: distance, margin: 5), group_11: margin_pairs(_, distance: distance, margin: 11) }
  let by_margin = { n: [kendall_tau.b(inherited(space, rd_nas(space, cifar.train, macs, p, opt: opt, epochs: epochs, seed: s), cifar, archs), truth) for s in seeds] for (n, p) in pairs }
  report alone, by_teacher, spos, by_margin: { ..by_margin, group_6_7: by_teacher.macs }
  expect mean(by_teacher.macs) > mean(spos)
  budget 40 minutes, 3 GB
}

pipeline reduced(seeds: [Int] = [6], epochs: Int = 2, members: Int = 8, steps: Int = 40) {
  let space = cells()
  let images = data.generated(1_200, test: 300).split(train: 0.7, valid: 0.3)
  let opt = sgd(cosine(0.05 -> 1e-3), momentum: 0.9, decay: 5e-4)
  let archs = sample(space, members)
  let truth = [accuracy(space[a][fit(space[a], images.train, steps, opt, seed: 1)], images.valid) for a in archs]
  let asked = teachers(images.train.batch(16))
  let far = margin_pairs(_, distance: distance, margin: 6.7)
  report alone: { n: kendall_tau.b([t(space[a]) for a in archs], truth) for (n, t) in asked }
  report by_teacher: { n: [kendall_tau.b(inherited(space, rd_nas(space, images.train, t, far, opt: opt, epochs: epochs, seed: s), images, archs), truth) for s in seeds] for (n, t) in asked }
  budget 15 minutes, 2 GB
}
