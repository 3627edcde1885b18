// Ranges with steps, up and down, whole and in fractions, with ends and steps that depend on choices.
space down { let k = choose 10..=0 by -3
  value k }
space fine { let k = choose 0.1..1.0 by 0.3
  value k }
space below { let k = choose -6..=6 by 4
  value k }
space paced { let n = choose [1, 2]
  let k = choose 0..=4 by n
  value n * 10 + k }
space reaching { let v = choose [-2, 1]
  let k = choose 0..=abs(v)
  value k }
test "ranges" {
  expect [x for x in 10..=0 by -3] == [10, 7, 4, 1] and [x for x in 3..0 by -1] == [3, 2, 1] and len([x for x in 0..=3 by -1]) == 0
  expect len([x for x in 0.0..1.0 by 0.1]) == 10 and len([x for x in 0.0..=1.0 by 0.1]) == 11
  expect [x for x in 1.0..=0.0 by -0.5] == [1, 0.5, 0]
  expect [down[a] for a in down] == [10, 7, 4, 1] and [below[a] for a in below] == [-6, -2, 2, 6]
  expect [fine[a] for a in fine] == [0.1, 0.4, 0.7] and size(paced) == 5 + 3 and size(reaching) == 3 + 2
}

// As many as another choice says, none among them.
space subsets { let n = choose 0..=3
  let k = choose distinct n of [1, 2, 4]
  value sum(k) }
test "subsets of any size" {
  expect sort([subsets[a] for a in subsets]) == [x for x in 0..=7]
  expect all(subsets["{a}"] == subsets[a] for a in subsets)
}

// What a member is worth as the key of its class.
space worth { let a = choose 0..=3
  let b = if a > 1 { choose [0, 5] } else { 0 }
  value (x: Int) => x * (a + b) }
test "members of one worth" {
  expect size(worth) == 6 and size(worth modulo [m => worth[m](1)]) == 6 and size(worth modulo [m => worth[m](0)]) == 1
}
