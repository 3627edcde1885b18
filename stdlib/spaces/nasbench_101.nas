//! The cells of NAS-Bench-101 (Ying et al., ICML 2019) as values: an upper-triangular adjacency matrix of 7 vertices and 5 operations.
//! Not every value is a valid cell: `connected` and `edges` say which are; many are the same cell twice.

space nasbench_101 {
  // edge[j][i]: whether vertex i feeds vertex j + 1.
  let edge = [[choose [0, 1] for i in 0..(j + 1)] for j in 0..6]
  let op = [choose { maxpool3x3: 0, conv1x1: 1, conv3x3: 2 } for v in 0..5]
  encoding "{edge[0] join}|{edge[1] join}|{edge[2] join}|{edge[3] join}|{edge[4] join}|{edge[5] join} {op join ,}"
  value { edge: edge, op: op }
}

/// Number of edges; a valid cell has at most 9.
fn edges(cell: { edge: [[Int]], op: [Int] }) -> Int { sum(sum(row) for row in cell.edge) }

test "raw size" { expect size(nasbench_101) == 509_607_936 and size(nasbench_101) == 2 ^ 21 * 3 ^ 5 }
test "values read and write" {
  let a = sample(nasbench_101, 20)
  expect all(encode(decode(nasbench_101, encode(x))) == encode(x) for x in a)
  expect all(edges(nasbench_101[x]) <= 21 for x in a)
}
