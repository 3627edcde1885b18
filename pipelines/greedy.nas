//! Greedy Network Enlarging in small: a base of half a million MACs grows to 4 million along a budget ladder, against
//! compound scaling and random members at equal MACs. Needs `cifar10` under --data; `reduced` is a small form on generated
//! images.
use search.{greedy, proxies}
use std.cost.macs.core as macs

pipeline main(real: Bool = true, seeds: [Int] = [0, 1, 2], images: Int = 3_000, quick: Int = 60, steps: Int = 400, rungs: Int = 4, random: Int = 6, judge: Int = 600) {
  let family = staged()
  let g = growth(family, family["1,1,1 8,16,32 16"])
  let source = if real { data.cifar10("cifar10").take(images) } else { data.generated(images, side: 32, test: 100) }
  let parts = source.split(train: 0.8, valid: 0.2)
  let jury = parts.valid.take(judge)
  let budget = 4M

  let judged = short_training(g, parts.train, jury, quick, [0])
  let paths = {
    trained: greedy(g, judged, budget, rungs),
    zen: greedy(g, a => zen(g[a], repeats: 1), budget, rungs),
    wrong: greedy(g, a => -params(g[a]), budget, rungs),
  }
  let rivals = { compound: compound(g, (1.2, 1.1, 1.15), budget), random: feasible(g, budget, random) }
  let archs = { ..paths, ..rivals }
  let final = { name: [[short_training(g, parts.train, jury, steps, [s])(a) for s in seeds] for a in list] for (name, list) in archs }
  let score = { name: [mean(a) for a in rows] for (name, rows) in final }

  report score, deviation: { name: [std(a) for a in rows] for (name, rows) in final }
  report chosen: { name: [{ arch: encode(a), macs: macs(g[a]), params: params(g[a]) } for a in list] for (name, list) in archs }
  report path: [encode(h[0]) for h in paths.trained.history]
  expect max(score.trained) >= max(score.compound)
  expect max(score.trained) >= median(score.random)
  expect max(score.wrong) < max(score.trained)
  expect all(macs(g[a]) in 3.8M ..= 4.2M for a in paths.trained)
  expect grows([h[0] for h in paths.trained.history])
  budget 40 minutes, 2 GB
}
/// Half the budget, one seed, two rungs: the path and what each way of choosing gives. Generated images; no data are needed.
pipeline reduced(seeds: [Int] = [0], images: Int = 1_000, quick: Int = 10, steps: Int = 60, rungs: Int = 2, random: Int = 2) {
  let family = staged()
  let g = growth(family, family["1,1,1 8,16,32 16"])
  let parts = data.generated(images, side: 32, test: 100).split(train: 0.8, valid: 0.2)
  let budget = 2M
  let paths = { trained: greedy(g, short_training(g, parts.train, parts.valid, quick, [0]), budget, rungs), wrong: greedy(g, a => -params(g[a]), budget, rungs) }
  let archs = { ..paths, compound: compound(g, (1.2, 1.1, 1.15), budget), random: feasible(g, budget, random) }
  let score = { name: [mean([short_training(g, parts.train, parts.valid, steps, [s])(a) for s in seeds]) for a in list] for (name, list) in archs }
  report score, chosen: { name: [{ arch: encode(a), macs: macs(g[a]), params: params(g[a]) } for a in list] for (name, list) in archs }
  report path: [encode(h[0]) for h in paths.trained.history]
  expect all(macs(g[a]) in 1.9M ..= 2.1M for a in paths.trained)
  expect grows([h[0] for h in paths.trained.history])
  budget 5 minutes, 2 GB
}
