//! RD-NAS on CIFAR-10 at 16 x 16: five arms at equal forward passes (fair: four a step, half the epochs), three seeds, ranked against
//! NAS-Bench-201's recorded accuracies and against ground truth of our own. Needs `cifar10` and `nasbench201` under --data.
//! Learning rate and length were chosen on the plain single-path arm alone: below some 3,000 steps it ranks nothing.
use search.{nb201, samplers, sharing, train, rd_nas}
use std.cost.macs.nats as macs
use std.metrics.kendall_tau

table recorded of nb201 from "nasbench201/accuracy.csv" {
  key arch
  test: Percent from "c10_test_200"
  valid: Percent from "c10_valid_200"
}

pipeline main(seeds: [Int] = [6, 66, 666], epochs: Int = 8, images: Int = 30_000, members: Int = 40, steps: Int = 300) {
  let space = nb201(width: 8, cells: 1, side: 16, affine: false) where not any(o is none for o in op)
  let cifar = data.cifar10("cifar10").take(images).map(halved).split(train: 5 / 6, valid: 1 / 6)
  let distance = group_distance([[nor_conv_1x1, nor_conv_3x3], [skip_connect, avg_pool_3x3]])
  let group = margin_pairs(_, distance: distance, margin: 6.7)
  let opt = sgd(cosine(0.1 -> 1e-3), momentum: 0.9, decay: 5e-4)
  let mixed = shuffled_scores(space, macs, 0)

  let archs = sample(space, members)
  let truths = [[accuracy(space[a][fit(space[a], cifar.train, steps, opt, seed: s)], cifar.valid) for a in archs] for s in [1, 2]]
  let own = [mean(t) for t in transpose(truths)]
  let table = [recorded[a].test for a in archs]

  let nets = {
    spos: [single_path_training(space, cifar.train, by_operation, opt, epochs, paths: 2, seed: s) for s in seeds],
    fair: [fair_training(space, cifar.train, 4, by_operation, opt, floor(epochs / 2), seed: s) for s in seeds],
    random_pairs: [rd_nas(space, cifar.train, macs, random_pairs, opt: opt, epochs: epochs, seed: s) for s in seeds],
    group_pairs: [rd_nas(space, cifar.train, macs, group, opt: opt, epochs: epochs, seed: s) for s in seeds],
    shuffled: [rd_nas(space, cifar.train, net => mixed[encode(net.arch)], group, opt: opt, epochs: epochs, seed: s) for s in seeds],
  }
  let scores = { name: [[accuracy(recalibrate(space[a, w], cifar.train), cifar.valid) for a in archs] for w in ws] for (name, ws) in nets }
  let tau_own = { name: [kendall_tau.b(s, own) for s in ss] for (name, ss) in scores }
  let tau_table = { name: [kendall_tau.b(s, table) for s in ss] for (name, ss) in scores }
  let flops = [macs(space[a]) for a in archs]

  report tau_own, tau_table
  report macs_alone: { own: kendall_tau.b(flops, own), table: kendall_tau.b(flops, table) }, ceiling: kendall_tau.b(truths[0], truths[1])
  report spread: { name: std(t) for (name, t) in tau_own }, scatter: scatter(mean_over(scores.group_pairs), own)
  expect mean(tau_own.group_pairs) >= mean(tau_own.spos) + 0.05
  expect mean(tau_own.group_pairs) > kendall_tau.b(flops, own)
  expect mean(tau_own.shuffled) < mean(tau_own.group_pairs)
  budget 40 minutes, 2 GB
}
/// Three arms, one seed. Generated images; no data are needed. `quickstart.nas` is the same a size larger.
pipeline reduced(seeds: [Int] = [6], epochs: Int = 6, members: Int = 12, steps: Int = 40) {
  let space = nb201(width: 8, cells: 1, side: 16, affine: false) where not any(o is none for o in op)
  let images = data.generated(1_000, test: 100).split(train: 0.7, valid: 0.3)
  let group = margin_pairs(_, distance: group_distance([[nor_conv_1x1, nor_conv_3x3], [skip_connect, avg_pool_3x3]]), margin: 6.7)
  let opt = sgd(cosine(0.1 -> 1e-3), momentum: 0.9, decay: 5e-4)
  let archs = sample(space, members)
  let own = [accuracy(space[a][fit(space[a], images.train, steps, opt, seed: 1)], images.valid) for a in archs]
  let nets = {
    spos: [single_path_training(space, images.train, by_operation, opt, epochs, paths: 2, seed: s) for s in seeds],
    random_pairs: [rd_nas(space, images.train, macs, random_pairs, opt: opt, epochs: epochs, seed: s) for s in seeds],
    group_pairs: [rd_nas(space, images.train, macs, group, opt: opt, epochs: epochs, seed: s) for s in seeds],
  }
  let scores = { name: [[accuracy(recalibrate(space[a, w], images.train, batches: 4), images.valid) for a in archs] for w in ws] for (name, ws) in nets }
  report tau: { name: [kendall_tau.b(s, own) for s in ss] for (name, ss) in scores }, macs_alone: kendall_tau.b([macs(space[a]) for a in archs], own)
  budget 5 minutes, 2 GB
}
test "the teacher alone, over all 4,096 cells" {
  let all = sample(nb201 where not any(o is none for o in op), 5_000)
  let costs = [macs(nb201[a]) for a in all]
  // The authors' plot script has .529 for operations and .566 for parameters, on a draw of its own; here both give one order.
  expect len(all) == 4_096 and kendall_tau.b(costs, [params(nb201[a]) for a in all]) == 1
  expect kendall_tau.b(costs, [recorded[a].valid for a in all]) within 0.0005 of 0.5676 and kendall_tau.b(costs, [recorded[a].test for a in all]) within 0.0005 of 0.6314
}
fn mean_over(rows: [[Float]]) -> [Float] { [mean(c) for c in transpose(rows)] }
