//! Members as text, both ways.
space resnet48(max_depth: [Int] = [5, 5, 8, 5]) {
  let ratios = [1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7]
  let tied = [choose ratios for s in 0..4]
  let depth = [choose 2..=m for m in max_depth]
  let mid = [[choose ratios for i in 0..depth[s]] for s in 0..4]
  encoding "1{depth[*]}{tied[0]:index+1}{for s in 0..4, i in 0..max_depth[s]: (mid[s][i]:index+1)(tied[s]:index+1) else 00}"
  value mid
}
test "codes of 52 digits" {
  expect size(resnet48) == 121_588_067_670_250_048_000_000
  expect all(decode(resnet48, encode(a)) == a for a in sample(resnet48, 100))
  expect all(decode(resnet48, encode(a)) == a for a in sample(resnet48, 20))
}
space autoformer(dims: [Int] = [192, 216, 240], depths: Range = 12..=14) {
  let dim = choose dims
  let depth = choose depths
  let layers = [{ ratio: choose [3.5, 4.0], heads: choose [3, 4] } for layer in 0..depth]
  encoding "{dim} {layers[*].ratio by {3.5: 3, 4.0: 4}} {layers[*].heads}"
  value layers
}
test "digits of a list" {
  expect size(autoformer) == 1_056_964_608
  expect decode(autoformer, "216 34344434444333 33443433434443").depth == 14
  expect all(decode(autoformer, encode(a)) == a for a in sample(autoformer, 50))
}
space pit {
  let base = choose [16, 24, 32, 40]
  let ratio = choose [2, 4, 6, 8]
  let depth = choose [[1, 6, 6], [1, 8, 4], [2, 4, 6], [2, 6, 4], [2, 6, 6], [2, 8, 2], [2, 8, 4], [3, 4, 6], [3, 6, 4], [3, 8, 2]]
  let heads = [choose [2, 4, 8] for stage in 0..3]
  encoding "{base} {ratio} {depth join .} {heads join .}"
  value base
  where heads[0] <= heads[1] and heads[1] <= heads[2]
}
test "lists joined by dots" {
  expect size(pit) == 1_600
  expect all(decode(pit, encode(a)) == a for a in sample(pit, 100))
  expect encode(decode(pit, "24 6 2.6.4 2.4.8")) == "24 6 2.6.4 2.4.8"
}
space plain { let op = [choose { conv: 1, pool: 2 } for i in 0..3]   let k = if op[0] is conv { choose [3, 5] } else { none }   value k }
test "without an encoding of its own" {
  expect all(decode(plain, encode(a)) == a for a in sample(plain, 12))
  expect encode(decode(plain, "op[0]=conv op[1]=pool op[2]=pool k=5")) == "op[0]=conv op[1]=pool op[2]=pool k=5"
}
