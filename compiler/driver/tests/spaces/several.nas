//! k of n in its four forms.
let ops = { conv: 1, pool: 2, skip: 3, sep: 4 }
space subsets { let xs = choose distinct 2 of ops   value xs }
space sequences { let xs = choose ordered 2 of ops   value xs }
space permutations { let xs = choose ordered distinct 2 of ops   value xs }
space multisets { let xs = choose 2 of ops   value xs }
space all_orders { let xs = choose ordered distinct 5 of 0..5   value xs }
// More selections than one site lists: a site for each place.
space lottery {
  let xs = choose distinct 6 of 1..=49
  value xs
  where sum(xs) <= 60
}
space rows { let xs = choose 12 of 0..20   value xs }
space hands { let xs = choose ordered distinct 4 of 0..12   value xs }
space nodes {
  // As in cells with two inputs a node: which of the states before.
  let inputs = [choose distinct 2 of 0..(i + 2) for i in 0..4]
  let ops = [[choose { a: 1, b: 2, c: 3 } for side in 0..2] for i in 0..4]
  value inputs
}
space open_count { let k = choose 1..=3   let xs = choose distinct k of ops   value len(xs) }

test "sizes" {
  expect size(subsets) == 6 and size(sequences) == 16 and size(permutations) == 12 and size(multisets) == 10
  expect size(all_orders) == 120
  expect size(rows) == 141_120_525
  expect size(hands) == 11_880
  expect size(nodes) == 1 * 3 * 6 * 10 * 3 ^ 8
  expect size(open_count) == 4 + 6 + 4
}
test "members" {
  expect all(sorted(lottery[a]) and len(distinct(lottery[a])) == 6 and sum(lottery[a]) <= 60 for a in sample(lottery, 40))
  expect all(decode(lottery, encode(a)) == a for a in sample(lottery, 20))
  expect all(decode(subsets, encode(a)) == a for a in sample(subsets, 6))
  expect len(sample(subsets, 10)) == 6
  expect all(all(size(subsets where sum(xs) == sum(subsets[b])) >= 1 for b in neighbours(subsets, a)) for a in sample(subsets, 6))
  expect len(neighbours(subsets, sample(subsets, 1)[0])) == 5
  expect size(subsets where sum(xs) >= 5) == 4
  expect size(permutations where xs[0] is conv) == 3
  expect all(all(len(distinct(hands[b])) == 4 for b in neighbours(hands, a)) for a in sample(hands, 5))
}
