//! Nested and conditional choices, without dead dimensions.
fn conv(k: Int)(x: Int) -> Int { x * k }
fn pool(x: Int) -> Int { x }
space nested {
  let op = choose { conv: conv(choose [3, 5, 7]), pool: pool, sep: { k: choose [3, 5], e: choose [1, 2, 4] } }
  value op
}
space lists { let op = choose [conv(choose [1, 2]), pool, { a: choose [true, false] }]   value op }
space deep { let x = choose { a: { y: choose { b: { z: choose [1, 2, 3] }, c: 0 } }, d: 1 }   value x }
space made { let op = choose [{ width: w, groups: choose [1, 2] } for w in [8, 16, 24]]   value op }
space conditional {
  let op = choose { conv: 0, pool: 1 }
  let k = if op is conv { choose [3, 5, 7] } else { none }
  let s = if op is pool { choose [1, 2] } else { choose [4, 5, 6] }
  value { k: k, s: s }
}
space dependent {
  let d = choose 1..=4
  let w = choose 0..d
  value d * 10 + w
}
space listed {
  let least = choose [1, 3, 5]
  let more = choose [x for x in [2, 4, 6, 8] if x > least]
  value more - least
}
space stages(depths: [Range] = [2..=4, 2..=3]) {
  let depth = [choose d for d in depths]
  let width = [[choose 8..=24 by 8 for i in 0..depth[s]] for s in 0..2]
  value sum(sum(row) for row in width)
}
space filtered {
  let on = [choose [true, false] for i in 0..5]
  let kept = [i for i in 0..5 if on[i]]
  value len(kept)
  where len(kept) >= 2
}
space two { let x = (choose [1, 2]) + (choose [10, 20, 30])   value x }
space pairs { let p = (choose [1, 2], choose [1, 2])   let l = [choose [1, 2], choose [1, 2]]   value p[0] + p[1] + l[0] + l[1] }
space tied { let a = choose [1, 2, 3]   let b = a   let c = [choose [1, 2] for i in 0..3]   let d = [c[0], c[0], c[2]]   value a * b + sum(d) }

test "sizes count what exists" {
  expect size(nested) == 3 + 1 + 2 * 3
  expect size(lists) == 2 + 1 + 2
  expect size(deep) == 3 + 1 + 1
  expect size(made) == 6
  expect size(conditional) == 3 * 3 + 2
  expect size(dependent) == 1 + 2 + 3 + 4
  expect size(listed) == 4 + 3 + 2
  expect size(stages) == (9 + 27 + 81) * (9 + 27)
  expect size(filtered) == 26
  expect size(two) == 6 and size(pairs) == 16
  expect size(tied) == 3 * 8
}
test "members" {
  expect all(dependent[a] % 10 < floor(dependent[a] / 10) for a in sample(dependent, 10))
  expect all(listed[a] >= 1 for a in sample(listed, 9))
  expect all(decode(dependent, encode(a)) == a for a in sample(dependent, 10))
  expect all(decode(nested, encode(a)) == a for a in sample(nested, 10))
  expect all(decode(stages, encode(a)) == a for a in sample(stages, 30))
  expect all(decode(conditional, encode(a)) == a for a in sample(conditional, 11))
  expect all(all(dependent[b] % 10 < floor(dependent[b] / 10) for b in neighbours(dependent, a)) for a in sample(dependent, 10))
  expect len(distinct([nested[a] for a in sample(nested, 20) if nested[a] is pool])) == 1
  expect size(dependent where w >= 2) == 1 + 2
  expect size(stages where sum(sum(row) for row in width) <= 48) == len([a for a in sample(stages, 10_000) if stages[a] <= 48])
}
