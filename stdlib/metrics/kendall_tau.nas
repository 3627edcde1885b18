//! Kendall's tau between a score and the truth, in its three conventions; they differ where there are ties. A constant side gives 0.

/// Ties count as neither: (P - Q) over all pairs.
metric a(score: [Float], truth: [Float]) -> Float {
  let k = kendall_counts(score, truth)
  if k.n < 2 { 0 } else { (k.concordant - k.discordant) / (k.n * (k.n - 1) / 2) }
}

/// Pairs tied on a side leave that side's count; what most libraries compute.
metric b(score: [Float], truth: [Float]) -> Float {
  let k = kendall_counts(score, truth)
  let p = k.concordant + k.discordant
  if k.distinct_a < 2 or k.distinct_b < 2 { 0 } else { (k.concordant - k.discordant) / sqrt((p + k.ties_a) * (p + k.ties_b)) }
}

/// For sides with different numbers of distinct values, the smaller of which is m: 2 (P - Q) over n^2 (m - 1) / m.
metric c(score: [Float], truth: [Float]) -> Float {
  let k = kendall_counts(score, truth)
  let m = min(k.distinct_a, k.distinct_b)
  if m < 2 { 0 } else { 2 * (k.concordant - k.discordant) / (k.n ^ 2 * (m - 1) / m) }
}

test "no ties" {
  expect a([1, 2, 3, 4], [1, 2, 4, 3]) == 2 / 3 and b([1, 2, 3], [3, 2, 1]) == -1 and c([1, 2, 3], [1, 2, 3]) == 1
}
test "ties" {
  expect a([1, 2, 2, 3], [1, 3, 2, 2]) == 1 / 3
  expect b([1, 2, 2, 3], [1, 3, 2, 2]) == 2 / 5
  expect c([1, 2, 2, 3], [1, 3, 2, 2]) == 3 / 8
}
test "a constant score ranks nothing" {
  expect a([1, 1, 1], [1, 2, 3]) == 0 and b([1, 1, 1], [1, 2, 3]) == 0 and c([1, 1, 1], [1, 2, 3]) == 0
}
