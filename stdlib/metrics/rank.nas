//! What a ranking finds: true ranks among the best scored, correlation among the truly best, pairs in the right order.
use std.metrics.kendall_tau

/// The best true rank (from 1) among the `k` best scored, over the number of architectures.
metric best_rank(score: [Float], truth: [Float], k: Int) -> Float {
  let by_truth = order(truth)
  min(position(i, in: by_truth) + 1 for i in order(score)[..k]) / len(score)
}

/// The worst true rank (from 1) among the `k` best scored, over the number of architectures.
metric worst_rank(score: [Float], truth: [Float], k: Int) -> Float {
  let by_truth = order(truth)
  max(position(i, in: by_truth) + 1 for i in order(score)[..k]) / len(score)
}

/// Spearman's correlation among the truly best share.
metric spearman_top(score: [Float], truth: [Float], share: Percent) -> Float {
  let i = order(truth)[..floor(share * len(truth))]
  spearman(score[i], truth[i])
}

/// Tau-b among the `k` best scored.
metric tau_top(score: [Float], truth: [Float], k: Int) -> Float {
  let i = order(score)[..k]
  kendall_tau.b(score[i], truth[i])
}

/// The share of the given pairs that score and truth put in one order; equal on both sides counts as one order.
metric concordant(score: [Float], truth: [Float], pairs: [(Int, Int)]) -> Percent {
  mean(sign(score[i] - score[j]) == sign(truth[i] - truth[j]) for (i, j) in pairs)
}

/// Tau-b against the truth rounded to bins of one point: smaller differences do not count.
metric sparse_tau(score: [Float], truth: [Float], bin: Float = 1%) -> Float { kendall_tau.b(score, [floor(t / bin + 0.5) for t in truth]) }

test "ranks" {
  expect best_rank([4, 3, 2, 1], [1, 4, 3, 2], 2) == 1 / 4 and worst_rank([4, 3, 2, 1], [1, 4, 3, 2], 2) == 1
  expect best_rank([1, 2, 3, 4], [1, 2, 3, 4], 1) == 1 / 4
}
test "among the best" {
  expect spearman_top([1, 2, 3, 4], [10, 20, 40, 30], 50%) == -1
  expect tau_top([1, 2, 3, 4], [10, 20, 40, 30], 2) == -1
}
test "pairs and bins" {
  expect concordant([1, 2, 3], [1, 3, 2], [(0, 1), (0, 2), (1, 2)]) == 2 / 3
  expect sparse_tau([1, 2, 3], [0.901, 0.902, 0.95]) within 0.0001 of 0.8165
}
