//! Agreement at the ends of a ranking: K = floor(share x M) architectures; ties by position.

/// The share of the K best scored that are truly among the K best.
metric top(score: [Float], truth: [Float], share: Percent) -> Percent {
  let k = floor(share * len(score))
  let best = order(truth)[..k]
  if k < 1 { invalid("no architecture is in this share") } else { count(i in order(score)[..k] where i in best) / k }
}

/// The share of the K worst scored that are truly among the K worst.
metric bottom(score: [Float], truth: [Float], share: Percent) -> Percent { top([-s for s in score], [-t for t in truth], share) }

test "halves" {
  expect top([4, 3, 2, 1], [4, 1, 3, 2], 50%) == 1 / 2 and bottom([4, 3, 2, 1], [4, 1, 3, 2], 50%) == 1 / 2
  expect top([1, 2, 3, 4], [1, 2, 3, 4], 25%) == 1 and bottom([1, 2, 3, 4], [4, 3, 2, 1], 25%) == 0
}
