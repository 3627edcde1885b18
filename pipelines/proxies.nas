//! How well do untrained scores rank NAS-Bench-201? Each proxy of the library on one batch of CIFAR-10, and the costs beside them,
//! against the recorded accuracies after 200 epochs. Needs `cifar10` and `nasbench201` under --data.
use search.{nb201, proxies}
use std.cost.macs.nats as macs
use std.metrics.kendall_tau

table recorded of nb201 from "nasbench201/accuracy.csv" {
  key arch
  test: Percent from "c10_test_200"
}

pipeline main(members: Int = 200, batch: Int = 32, seed: Int = 0) {
  let space = nb201()
  let archs = sample(space, members, seed: seed)
  let truth = [recorded[a].test for a in archs]
  let images = data.cifar10("cifar10").take(5_000)
  let (x, y) = first([(x, y) for (x, y) in images.batches(batch)])
  let one = { x: x, y: y }

  let scores = {
    params: [params(space[a]) for a in archs],
    macs: [macs(space[a]) for a in archs],
    zen: [zen(space[a], seed: seed) for a in archs],
    naswot: [naswot(space[a], one, seed: seed) for a in archs],
    jacob_cov: [jacob_cov(space[a], one, seed: seed) for a in archs],
    synflow: [log(synflow(space[a], seed: seed)) for a in archs],
    snip: [snip(space[a], one, seed: seed) for a in archs],
    grasp: [grasp(space[a], one, seed: seed) for a in archs],
  }
  // An unconnected member's features do not move, and two samples then look alike: no score, counted and left out.
  let kept = { name: [(a, b) for (a, b) in zip(s, truth) if finite(a)] for (name, s) in scores }
  let tau = { name: kendall_tau.b([p.0 for p in ps], [p.1 for p in ps]) for (name, ps) in kept }
  let rho = { name: spearman([p.0 for p in ps], [p.1 for p in ps]) for (name, ps) in kept }
  let scored = { name: len(ps) for (name, ps) in kept }
  report tau, rho, scored, members: len(archs)
  expect tau.naswot > 0.4
  expect tau.synflow > 0.4
  budget 30 minutes, 3 GB
}
