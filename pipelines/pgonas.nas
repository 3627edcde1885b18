//! PGONAS: rank sub-networks of a ResNet space with one supernet, guided by a free prior.
//! `main`: priors against the 30 published stand-alone accuracies of the contest's space, and supernets of a small space on CIFAR-10 (needs
//! `cvpr2022_nas` and `cifar10` under --data); `reduced`: the small space on generated images.
use spaces.resnet48
use search.{pgonas, proxies, rd_nas, sharing, train}
use std.cost.macs.core as macs

table standalone of resnet48 from "cvpr2022_nas/track1_standalone30.csv" {
  key arch
  code: Text from "arch"
  top1: Percent
}
table contest of resnet48 from "cvpr2022_nas/track1_archs.csv" {
  key arch
  code: Text from "arch"
}

/// Two stages at 16 x 16; architectures are the same whatever the outer activation is.
fn small(outer: Block) -> Space { resnet48(10, [16, 32], 1, [3, 3], outer: outer, large_stem: false, side: 16, to: 4) }
fn inherited(space: Space, w: Weights, images: Record, archs: [Arch]) -> [Float] { [accuracy(recalibrate(space[a, w], images.train, batches: 4), images.valid) for a in archs] }
/// Pearson x 100, as the contest counts.
fn points(score: [Float], truth: [Float]) -> Float { 100 * pearson(score, truth) }

fn arms(images: Record, seeds: [Int], epochs: Int, archs: [Arch], truth: [Float]) -> Record {
  let opt = sgd(cosine(0.05 -> 1e-4), momentum: 0.9, decay: 0)
  let (plain, smooth) = (small(relu), small(mish))
  let alone = pgonas_roles(_, n: 4, m: 0)
  let paired = pgonas_roles(_, n: 4, m: 2)
  let mixed = dealt(plain, macs)
  let run = (space, prior, roles, weight, s) => points(inherited(space, pgonas(space, images.train, prior, roles, weight, opt, epochs, seed: s), images, archs), truth)
  {
    spos: [points(inherited(plain, single_path_training(plain, images.train, entangled, opt, epochs, paths: 4, seed: s), images, archs), truth) for s in seeds],
    sandwich: [run(plain, macs, alone, constant(0), s) for s in seeds],
    mish: [run(smooth, macs, alone, constant(0), s) for s in seeds],
    macs_constant: [run(smooth, macs, paired, constant(2), s) for s in seeds],
    macs_ramp: [run(smooth, macs, paired, ramp(2, max(1, floor(epochs / 2))), s) for s in seeds],
    zen_ramp: [run(smooth, n => zen(n, 8, 1), paired, ramp(2, max(1, floor(epochs / 2))), s) for s in seeds],
    shuffled: [run(smooth, mixed, paired, ramp(2, max(1, floor(epochs / 2))), s) for s in seeds],
  }
}

pipeline main(seeds: [Int] = [0, 1, 2], epochs: Int = 2, images: Int = 4_000, members: Int = 24, steps: Int = 150) {
  let published = [r.top1 for r in standalone]
  let nets = [resnet48[r.code] for r in standalone]
  let priors = { macs: points([macs(m) for m in nets], published), params: points([params(m) for m in nets], published), depth: points([sum(m.arch.depth) for m in nets], published) }
  let cifar = data.cifar10("cifar10").take(images).map(halved).split(train: 0.75, valid: 0.25)
  let space = small(relu)
  let archs = sample(space, members)
  let opt = sgd(cosine(0.05 -> 1e-4), momentum: 0.9, decay: 5e-4)
  let truths = [[accuracy(space[a][fit(space[a], cifar.train, steps, opt, seed: s)], cifar.valid) for a in archs] for s in [1, 2]]
  let truth = [mean(t) for t in transpose(truths)]
  let r = arms(cifar, seeds, epochs, archs, truth)
  report published: priors, size: size(space), priors: { macs: points([macs(space[a]) for a in archs], truth), params: points([params(space[a]) for a in archs], truth), zen: points([zen(space[a], 8, 1) for a in archs], truth) }
  report r, ceiling: points(truths[0], truths[1]), truth: { mean: mean(truth), std: std(truth) }
  expect mean(r.sandwich) > mean(r.spos)
  expect mean(r.macs_ramp) > mean(r.mish)
  expect mean(r.shuffled) < mean(r.macs_ramp)
  budget 40 minutes, 3 GB
}

pipeline reduced(seeds: [Int] = [0], epochs: Int = 2, members: Int = 10, steps: Int = 60) {
  let images = data.generated(1_200, test: 300).split(train: 0.7, valid: 0.3)
  let space = small(relu)
  let archs = sample(space, members)
  let opt = sgd(cosine(0.05 -> 1e-4), momentum: 0.9, decay: 5e-4)
  let truth = [accuracy(space[a][fit(space[a], images.train, steps, opt, seed: 1)], images.valid) for a in archs]
  report arms(images, seeds, epochs, archs, truth), truth
  report macs: points([macs(space[a]) for a in archs], truth)
  budget 15 minutes, 2 GB
}

test "contest codes are read and written" {
  expect len(contest) == 45_000
  expect all(encode(decode(resnet48, r.code)) == r.code for r in contest)
}
test "free priors against the 30 published accuracies: depth does as well as multiply-accumulates" {
  let nets = [resnet48[r.code] for r in standalone]
  let top1 = [r.top1 for r in standalone]
  expect len(nets) == 30
  expect points([macs(m) for m in nets], top1) within 0.001 of 81.9288
  expect points([params(m) for m in nets], top1) within 0.001 of 82.2486
  expect points([sum(m.arch.depth) for m in nets], top1) within 0.001 of 83.0788
}
test "Hamming distances of two random contest codes over the width digits" {
  let archs = shuffle([r.arch for r in contest], seed: 1)
  let d = [code_distance(archs[2 * i], archs[2 * i + 1]) for i in 0..2_000]
  expect mean(d) within 0.4 of 31.5 and std(d) within 0.3 of 5.4
  expect count(x in d where x >= 33) / len(d) within 0.03 of 0.44
}
