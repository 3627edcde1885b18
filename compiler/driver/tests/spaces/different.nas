//! `ordered distinct` selections of any size: counted by which options are used.
let ops = { a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8 }
space orders { let xs = choose ordered distinct 8 of ops   value xs }
space five { let xs = choose ordered distinct 5 of 0..100   value xs }
space deck { let xs = choose ordered distinct 52 of 0..52   value xs }
/// What a place pays depends on the place.
fn pay(xs: [Int]) -> Int { sum((i + 1) * x for (x, i) in zip(xs, 0..8)) }
space dear {
  let xs = choose ordered distinct 8 of 0..8
  value xs
  where sum((i + 1) * x for (x, i) in zip(xs, 0..8)) <= 110
}
space first {
  let xs = choose ordered distinct 8 of 0..8
  value xs
  where xs[0] < xs[1] and xs[2] == 5
}
/// There where the option is taken.
space maybe {
  let xs = choose { none: [0], all: choose ordered distinct 7 of 0..9 }
  let more = choose [1, 2]
  value xs
}
space chain(widths: [Int] = [8, 16, 24, 32, 40, 48]) {
  let w = choose ordered distinct 6 of widths
  net(x: [n, 3, 8, 8]) -> [n, 10] { x |> repeat w as c { conv2d(c, 3) |> relu } |> mean(over: [h, w]) |> linear(10) }
}
test "sizes" {
  expect size(orders) == 40_320
  expect size(five) == 100 * 99 * 98 * 97 * 96
  expect size(deck) == 80_658_175_170_943_878_571_660_636_856_403_766_975_289_505_440_883_277_824_000_000_000_000
  expect size(maybe) == 2 * (1 + 9 * 8 * 7 * 6 * 5 * 4 * 3)
  expect size(first) == 2_520
  // By going through all 40,320.
  expect size(dear) == 7_255
  expect size(chain) == 720
}
test "members" {
  expect all(len(distinct(orders[a])) == 8 and sum(orders[a]) == 36 for a in sample(orders, 20))
  expect all(len(distinct(deck[a])) == 52 and decode(deck, encode(a)) == a for a in sample(deck, 5))
  expect all(pay(dear[a]) <= 110 and len(distinct(dear[a])) == 8 for a in sample(dear, 20))
  expect len(neighbours(orders, sample(orders, 1)[0])) == 28
  expect all(len(distinct(maybe[b])) == len(maybe[b]) for a in sample(maybe, 3) for b in neighbours(maybe, a))
}
