//! Conditions: costs, predicates, windows, joined by and, or, not.
use std.cost.macs
space bits(n: Int = 12) { let b = [choose [2, 4, 8] for i in 0..n]   value b }
space wide(n: Int = 40) { let b = [choose 1..=8 for i in 0..n]   value b }
space mix { let a = choose 1..=6   let b = choose 1..=6   value (a, b) }
fn even(m: mix) -> Bool { m.a % 2 == 0 and m.b % 2 == 0 }

test "windows" {
  expect size(bits where sum(b) in 24..=30) == size(bits where sum(b) >= 24 and sum(b) <= 30)
  expect size(bits where sum(b) <= 24) == 1
  expect size(wide where sum(b) == 40) == 1 and size(wide where sum(b) == 41) == 40
  expect size(wide where not (sum(b) >= 42)) == 41
  expect size(wide where sum(b) < 42 or sum(b) > 318) == 41 + 41
  expect size(wide where sum(it) <= 41) == 41
  expect all(sum(wide[a]) in 150..=160 for a in sample(wide where sum(b) in 150..=160, 50))
}
test "logic" {
  expect size(mix where a + b == 7) == 6
  expect size(mix where even) == 9
  expect size(mix where not even) == 27
  expect size(mix where a > b or a * b == 12) == 15 + 2
  expect size(mix where (a > 4 and b > 4) or (a < 2 and b < 2)) == 5
  expect size(mix where not (a == 1 or b == 1)) == 25
  expect size(mix where any(x == 6 for x in [a, b])) == 11
  expect size(mix where not any(x == 6 for x in [a, b])) == 25
  expect size(mix where all(x in 2..=4 for x in [a, b])) == 9
  expect size(mix where a not in [1, 2]) == 24
  expect size(mix where m => m.a == m.b) == 6
  expect size(bits where sum(b) >= 40 or b[0] == 8) == size(bits) - size(bits where sum(b) < 40 and b[0] != 8)
  expect size((mix where a > 3) where b > 3) == 9
}

// A cost that a condition bounds, or that differs from it by a constant, has its exact spread under it; others too.
space stack {
  let w = [choose [2, 3, 5, 8] for i in 0..4]
  net(x: [n, 3, 4, 4]) -> [n, 2] { x |> repeat w as c { conv2d(c, 1, bias: false) } |> mean(over: [2, 3]) |> linear(2) }
}
test "a spread under a window" {
  let low = stack where macs.core in 500 ..= 1_500
  let own = [macs.core(stack[a]) for a in stack if macs.core(stack[a]) >= 500 and macs.core(stack[a]) <= 1_500]
  expect size(low) == len(own) and range(macs.core(low)) == min(own) ..= max(own) and mean(macs.core(low)) == mean(own)
  expect max(macs.nats(low)) - max(own) == 2 and median(macs.nats(low)) - sort(own)[ceil(len(own) / 2) - 1] == 2
  expect [h.members for h in histogram(macs.core(low), 4)] == [count(v in own where v >= h.from and v <= h.to) for h in histogram(macs.core(low), 4)]
  let ps = [params(low[a]) for a in sample(low, 300)]
  expect len(ps) == len(own) and max(params(low)) == max(ps) and quantile(params(low), 50%) == sort(ps)[ceil(len(ps) / 2) - 1]
}
