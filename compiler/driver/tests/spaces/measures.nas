space s {
  let v = [choose [1, 2, 3, 5, 8] for i in 0..10]
  let total = sum(v)
  let few = [choose [1, 2, 3] for i in 0..3]
  value total
}
space t {
  let v = [choose [1, 2, 3] for i in 0..9]
  let total = sum(v)
  value total
}
test "it" {
  let every = sample(t, 100_000)
  let totals = [t[a] for a in every]
  expect len(every) == 19683
  expect size(t where total % 3 == 0) == count(x for x in totals where x % 3 == 0)
  expect size(t where total % 3 != 0) == count(x for x in totals where x % 3 != 0)
  expect size(t where not (total % 3 == 1)) == count(x for x in totals where x % 3 != 1)
  expect size(t where total % 4 in 1..=2) == count(x for x in totals where x % 4 in 1..=2)
  expect size(t where total % 4 in [0, 3]) == count(x for x in totals where x % 4 in [0, 3])
  expect size(t where total in [12, 15, 16]) == count(x for x in totals where x in [12, 15, 16])
  expect size(t where not (total in [12, 15, 16])) == count(x for x in totals where not (x in [12, 15, 16]))
  expect size(t where total != 12) == count(x for x in totals where x != 12)
  expect size(t where total / 2 <= 7.3) == count(x for x in totals where x / 2 <= 7.3)
  expect size(t where total * 0.1 > 1.8) == count(x for x in totals where x * 0.1 > 1.8)
  expect size(t where 0.1 * total >= 1.8) == count(x for x in totals where x * 0.1 >= 1.8)
  expect size(t where 30 - total > 12) == count(x for x in totals where 30 - x > 12)
  expect size(t where total * -0.5 < -9) == count(x for x in totals where x * -0.5 < -9)
  expect size(t where total % 3 == 0 and total % 2 == 0) == count(x for x in totals where x % 6 == 0)
  expect size(t where total % 3 == 0 or total % 2 == 0) == count(x for x in totals where x % 3 == 0 or x % 2 == 0)
  expect size(t where total * total <= 300) == count(x for x in totals where x * x <= 300)
  expect size(t where total ^ 2 <= 300) == count(x for x in totals where x * x <= 300)
  expect all(s[a] % 7 == 3 for a in sample(s where total % 7 == 3, 50))
}
