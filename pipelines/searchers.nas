//! Searchers at equal numbers of evaluations, on accuracies that are recorded: random, local search, aging evolution, and NSGA-II's front of
//! accuracy and cost against the true one. `main` needs `nasbench201` under --data; `reduced` uses costs alone.
use search.{evolution, local, nb201, pareto}
use std.cost.macs.nats as macs

table recorded of nb201 from "nasbench201/accuracy.csv" {
  key arch
  valid: Percent from "c10_valid_200"
  test: Percent from "c10_test_200"
}

pipeline main(seeds: [Int] = [0, 1, 2, 3, 4], evaluations: Int = 240) {
  let score = a => recorded[a].valid
  let runs = {
    random: [random_search(nb201, score, evaluations, seed: s)[0] for s in seeds],
    // A climb looks at 24 neighbours a move.
    local: [last(climb(nb201, score, sample(nb201, 1, seed: s)[0], 9)) for s in seeds],
    aging: [aging(nb201, score, evaluations, seed: s)[0] for s in seeds],
  }
  let both = a => [recorded[a].valid, -macs(nb201[a]) / 1M]
  let fronts = [nsga2(nb201, both, 24, 9, seed: s) for s in seeds]
  let reference = [0, -250]
  let found = [hypervolume([p.points for p in f], reference) for f in fronts]
  let at_random = [hypervolume([both(a) for a in sample(nb201, evaluations, seed: s)], reference) for s in seeds]
  report { n: { valid: [r.score for r in rs], test: [recorded[r.arch].test for r in rs] } for (n, rs) in runs }
  report nsga2: found, random_front: at_random, best_valid: max([r.valid for r in recorded])
  expect mean([r.score for r in runs.aging]) > mean([r.score for r in runs.random])
  expect mean(found) > mean(at_random)
  budget 20 minutes, 2 GB
}
pipeline reduced(seeds: [Int] = [0, 1], evaluations: Int = 100) {
  let score = a => -abs(macs(nb201[a]) / 1M - 50)
  report random: [random_search(nb201, score, evaluations, seed: s)[0].score for s in seeds], aging: [aging(nb201, score, evaluations, seed: s)[0].score for s in seeds]
  budget 5 minutes, 2 GB
}
