//! What declarations do, on nets of a few weights: read by `tests/declarations.rs`.
block res_block(k: Int)(x: [n, c, h, w]) -> [n, c, h, w] { x + (x |> conv2d(c, k, bias: false)) }
block wide(out: Int, k: Int)(x: [n, c, h, w]) -> [n, out, h, w] { x |> conv2d(out, k, bias: false) |> conv2d(out, k, bias: false) }
type Pair = { a: Float, b: Float }
fn both(p: Pair) -> Float { p.a + p.b }
fn judge(score: Float, truth: Float sealed) { abs(score - truth) }
block noisy(x: [..s]) -> [..s] { at train { x * 2 } }
test "edits inside a kind of block" {
  let a = net(x: [n, 4, 8, 8]) { x |> conv2d(8, 3, bias: false) |> res_block(3) }
  let b = a with { conv2d(out, k) in res_block: wide(out, k) }
  expect params(a) == 4 * 8 * 9 + 8 * 8 * 9
  expect params(b) == 4 * 8 * 9 + 2 * 8 * 8 * 9
  let c = a with { conv2d(out, 5): identity }
  expect params(c) == params(a)
  let d = a with { conv2d(k: 3) in res_block: identity }
  expect params(d) == 4 * 8 * 9
}
test "types and seals" {
  expect both({ a: 1, b: 2 }) == 3
  expect rejected { both({ a: 1 }) }
  let truth = seal(0.75, for: [judge])
  expect judge(0.5, truth) == 0.25
  expect rejected { truth + 1 }
  expect rejected { [truth][0] * 2 }
  expect disclose(truth, "over") == 0.75
  expect rejected { (t: Float sealed) => t + 1 }
}
test "a missing arm is the identity" {
  let a = net(x: [n, 2]) { x |> noisy |> at train { x => x + 1 } }
  expect sum((a at train)(ones[1, 2])) == 6
  expect sum((a at infer)(ones[1, 2])) == 2
}

space two {
  let op = [choose { dense: dense(4), skip: identity } for i in 0..2]
  encoding "{op[0]} {op[1]}"
  block dense(out: Int)(x: [n, d]) -> [n, out] {
    param w: [out, d] ~ normal(0, 1)
    contract("n d, o d -> n o", x, w)
  }
  block cell(x: [n, 4]) -> [n, 4] { x |> op[0] |> op[1] }
  net(x: [n, 3, 8, 8]) -> [n, 4] { x |> mean(over: [2, 3]) |> dense(4) |> cell }
}
fn copies(k: Int, gate: [k])(u: Use) -> Slot {
  if u.within(two.cell) is none { slot(place: u.place) } else { mix([slot(at: u.within(two.cell), block: j, option: u.option) for j in 0..k], by: gate) }
}
let still = sgd(constant(0))
curriculum opening() {
  phase 0% { open: 1, cycle: 0 }
  phase 50% { open: 2 }
}
trainer opened(data: Data, inherit: Bool) {
  weights w = init(two, copies(2, gate: _))
  state before = none
  state after = none
  for (x, y) in data.batches(8, epochs: 2) {
    let c = opening()(now)
    on change(c.open) as k {
      before := w[block: 1]
      if inherit { w[block: k - 1] := w[block: k - 1] + w[block: k - 2] }
      after := w[block: 1]
    }
    let net = two["dense dense", w, copies(c.open, if c.open == 1 { [1.0] } else { [0.5, 0.5] })]
    minimise cross_entropy(net(x), y) over w by still
    keep { w: w, open: c.open }
  }
  { w: w, before: before, after: after, old: w[block: 0] }
}
fn first_row(w, x) { sum(two["dense dense", w, copies(1, [1.0])](x)) }
let toy = generated(32, 4, 8)
test "a block that opens is its own draw plus the one before" {
  let r = opened(toy, true, seed: 1)
  expect r.after == r.before + r.old
  expect len(r.history) == 8 and r.history[0].open == 1 and last(r.history).open == 2
  let plain = opened(toy, false, seed: 1)
  expect plain.after == plain.before
  expect passes(r.w) == 8
}
test "two copies at one half each are their mean" {
  let w = opened(toy, true, seed: 1).w
  let x = ones[1, 3, 8, 8]
  let both = two["dense skip", w, copies(2, [0.5, 0.5])](x)
  let one = two["dense skip", w, copies(2, [1.0, 0.0])](x)
  let other = two["dense skip", w, copies(2, [0.0, 1.0])](x)
  expect max(abs(both - (one + other) / 2)) == 0 within 1e-6
  expect max(abs(one - two["dense skip", w, copies(1, [1.0])](x))) == 0
}
trainer restarted(data: Data, again: Bool) {
  weights w = init(net(x: [n, 3, 8, 8]) { x |> flatten |> linear(4) })
  let opt = sgd(cosine(1 -> 0), momentum: 0.9)
  state rates = []
  for (x, y) in data.batches(8, epochs: 2) {
    on change(opening()(now).open) { if again { restart(opt) } }
    minimise cross_entropy(net(x: [n, 3, 8, 8]) { x |> flatten |> linear(4) }[w](x), y) over w by opt
    record seen = len(now.losses)
  }
  w
}
test "an optimiser that starts anew goes another way, and epochs leave their losses" {
  expect not (restarted(toy, true, seed: 1) == restarted(toy, false, seed: 1))
  expect [h.seen for h in restarted(toy, false, seed: 1).history] == [0, 0, 0, 0, 1, 1, 1, 1]
}
distill hint(teacher: Net{last}, student: Net{last}) {
  match student.last |> adapter linear(teacher.last.c) to teacher.last with mse
  label cross_entropy weight 0.5
}
trainer taught(data: Data, teacher: Net, student: Net) {
  weights wt = init(teacher)
  weights ws = init(student)
  for (x, y) in data.batches(8, epochs: 3) {
    minimise cross_entropy(teacher[wt](x), y) over wt by sgd(constant(0.1))
    minimise hint(teacher[wt], student[ws])(x, y) over ws by sgd(constant(0.1))
  }
  { teacher: wt, student: ws }
}
test "a student with a hint, through an adapter that is trained" {
  let teacher = net(x: [n, 3, 8, 8]) { tap last = x |> flatten |> linear(6) |> relu   last |> linear(4) }
  let student = net(x: [n, 3, 8, 8]) { tap last = x |> mean(over: [2, 3]) |> linear(3) |> relu   last |> linear(4) }
  let r = taught(toy, teacher, student, seed: 1)
  expect passes(r.student) == 12 and passes(r.teacher) == 24
}
space mixed {
  let op = [choose { conv: conv2d(3, 3, bias: false), pool: avg_pool2d(3, stride: 1), skip: identity } for layer in 0..2]
  net(x: [n, 3, 8, 8]) -> [n, 3, 8, 8] { x |> op[0] |> op[1] }
}
block shares(x: [2, 3]) -> [2, 3] {
  param alpha: [2, 3] ~ normal(0, 1)
  softmax(alpha * x, over: 1)
}
fn by_path(u: Use) -> Slot { slot(path: u.path) }
fn mixture(s: [2, 3]) -> Mixture[mixed] { { op: [s[0], s[1]] } }
trainer selected(data: Data) -> { net: Weights, alpha: Weights } {
  weights w = init(mixed, by_path)
  weights a = init(shares)
  for (x, y) in data.batches(8, epochs: 2) {
    minimise mean(mixed[mixture(shares[a](ones[2, 3])), w](x) ^ 2) over (w, a) by sgd(constant(0.5))
  }
  { net: w, alpha: a }
}
test "a mixture is its members' sum by shares, with their weights" {
  let w = init(mixed, by_path)
  let x ~ normal[2, 3, 8, 8]
  let m = mixed[{ op: [{ conv: 0.25, skip: 0.75 }, "pool"] }, w](x)
  let a = mixed[{ op: ["conv", "pool"] }, w](x)
  let b = mixed[{ op: ["skip", "pool"] }, w](x)
  expect sum(abs(m - (0.25 * a + 0.75 * b))) == 0 within 1e-4
  expect sum(abs(mixed[{ op: ["skip", { conv: 1 }] }, w](x) - mixed[{ op: ["skip", "conv"] }, w](x))) == 0 within 1e-6
}
test "shares are trained beside weights" {
  let r = selected(toy, seed: 1)
  let z = shares[r.alpha](ones[2, 3])
  let start = shares[selected(toy.take(8), seed: 1).alpha](ones[2, 3])
  expect min(sum(z, over: 1)) == 1 within 1e-5
  expect sum(abs(z - start)) > 1e-3
}
