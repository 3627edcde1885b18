//! Plain trainers, and evaluation with inherited weights.
use search.samplers

/// Batch-norm statistics of a member: averages over training batches, no gradients.
fn recalibrate(net: Net, data: Data, batches: Int = 10, size: Int = 64) -> Net {
  let seen = transpose([[(c.batch_mean, c.batch_var) for c in trace(net at train, x).all(batch_norm)] for (x, y) in data.batches(size, count: batches)])
  net with {
    batch_norm as b, i: b with { running_mean: mean([p.0 for p in seen[i]]), running_var: mean([p.1 for p in seen[i]]) }
  }
}
/// Share of samples whose largest score is the label's.
metric accuracy(net: Net, data: Data) -> Percent { mean(argmax(net(x), over: 1) == y for (x, y) in data.batches(250)) }

/// Ordinary training of one net.
trainer fit(net: Net, data: Data, steps: Int, opt: Optimiser) -> Weights {
  weights w = init(net)
  for (x, y) in data.batches(64, steps: steps) { minimise cross_entropy(net[w](x), y) over w by opt }
  w
}
/// The same from weights that are there: fine-tuning, and quantisation-aware training of `quantised(net, bits)` from the float net's.
trainer fit_from(net: Net, start: Weights, data: Data, steps: Int, opt: Optimiser) -> Weights {
  weights w = start
  for (x, y) in data.batches(64, steps: steps) { minimise cross_entropy(net[w](x), y) over w by opt }
  w
}
/// `paths` random paths a step.
trainer single_path_training(space: Space, data: Data, share: Use -> Slot, opt: Optimiser, epochs: Epochs, paths: Int = 1) -> Weights {
  weights w = init(space, share)
  for (x, y) in data.batches(64, epochs: epochs) {
    let archs = [~by_site(space) for i in 0..paths]
    minimise sum(cross_entropy(space[a, w](x), y) for a in archs) over w by opt
  }
  w
}
/// Every option of every site once a step.
trainer fair_training(space: Space, data: Data, m: Int, share: Use -> Slot, opt: Optimiser, epochs: Epochs) -> Weights {
  weights w = init(space, share)
  for (x, y) in data.batches(64, epochs: epochs) {
    let r ~ fair(space, m)
    minimise sum(cross_entropy(space[a, w](x), y) for a in r.subnets) over w by opt
  }
  w
}
