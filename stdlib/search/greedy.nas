//! Greedy Network Enlarging (Liu et al. 2021): grow a base network step by step, deciding anew in each step where the
//! extra computation goes. The search loop is not public: it is specified here so that every published statement holds.
use search.train
use std.cost.macs.core as macs

/// A stage-scaled family: what may grow is an ordinary space with ranges; the base is one of its members.
space staged(classes: Int = 10, stem: Int = 8, side_max: Int = 32, depth_max: Int = 6, width_max: Int = 96) {
  let depth = [choose 1..=depth_max for s in 0..3]
  let width = [choose 4..=width_max by 4 for s in 0..3]
  let side = choose 16..=side_max by 8
  encoding "{depth[0]},{depth[1]},{depth[2]} {width[0]},{width[1]},{width[2]} {side}"
  block conv_bn(out: Int, stride: Int = 1)(x: [n, c, h, w]) -> [n, out, _, _] { x |> conv2d(out, 3, stride: stride, bias: false) |> batch_norm |> relu }
  net(x: [n, 3, side, side]) -> [n, classes] {
    tap features = x |> conv_bn(stem)
      |> conv_bn(width[0]) |> repeat depth[0] - 1 { conv_bn(width[0]) }
      |> conv_bn(width[1], stride: 2) |> repeat depth[1] - 1 { conv_bn(width[1]) }
      |> conv_bn(width[2], stride: 2) |> repeat depth[2] - 1 { conv_bn(width[2]) }
    features |> mean(over: [2, 3]) |> linear(classes)
  }
}
/// What may grow, and by how much. Proved: each move raises the MACs of every member it applies to.
enlarge growth(space: Space[depth, width, side], base: Arch) {
  move deeper(s in 0..len(depth)) { depth[s]: it + 1 }
  move wider(s in 0..len(width)) { width[s]: it + 4 }
  move sharper { side: it + 8 }
  raises macs
}

/// A direction is a knob, or two knobs that share the step's budget half and half.
fn direction(g: Growth, a: Arch, ms: [Move], low: Macs, high: Macs) -> Arch? {
  let c0 = macs(g[a])
  let first = push(g, a, ms[0], if len(ms) == 1 { low ..= high } else { (c0 + low) / 2 ..= high }) else invalid("the first knob does not fit")
  if len(ms) == 1 { first } else { push(g, first, ms[1], low ..= high) }
}
/// The best of all directions at each rung of a geometric budget ladder; ties go to fewer parameters. Beam 1 is the paper's.
search greedy(g: Growth, score: Arch -> Score, budget: Macs, steps: Int = 5, tolerance: Percent = 5%, beam: Int = 1) -> [Arch] {
  let c0 = macs(g[g.base])
  let goal = reach(g, budget, tolerance)
  state front = [g.base]
  for k in 1..=steps {
    let target = c0 * (goal / c0) ^ (k / steps)
    let low = target * (1 - tolerance)
    let high = target * (1 + tolerance)
    let ways = [[m] for m in g.moves] ++ [[p[0], p[1]] for p in pairs(g.moves)]
    let next = distinct(valid([direction(g, a, d, low, high) for a in (front else []), d in ways]))
    // Where a family's steps are too coarse no way ends in the window; the first rung that has none is told.
    let reached = require(len(next) > 0, top(next, beam, by: score, ties: a => params(g[a])), join(["no move leads into rung ", k, " of ", steps, ": a wider tolerance, fewer rungs or finer moves would"], by: ""))
    front := if known(front) { reached } else { front }
    keep front
  }
  front
}
/// The control: one rule for all stages, base x (alpha^p, beta^p, gamma^p) at the nearest member; of all p the one whose cost lies
/// nearest to the budget. Where choices are coarse that may still be some way off: report its cost beside its score.
search compound(g: Growth, rates: (Float, Float, Float), budget: Macs) -> [Arch] {
  let ladder = distinct([nearest(g, rates, p) for p in 0.0..=8.0 by 0.05])
  [top(ladder, 1, by: a => -abs(macs(g[a]) - budget))[0]]
}
/// Compound scaling's own search (Tan and Le 2019): of all rates of depth, width and side in steps of `step` from 1 on whose product alpha beta^2 gamma^2 lies within `within` of 2, the ones whose member, one
/// step up from the base, scores best; found once, then raised to powers by `compound`.
search compound_rates(g: Growth, score: Arch -> Score, step: Float = 0.05, within: Float = 0.1) -> (Float, Float, Float) {
  let all = [(a, b, c) for a in 1.0..=2.0 by step for b in 1.0..=1.45 by step for c in 1.0..=1.45 by step]
  let fit = [r for r in all if abs(r[0] * r[1] ^ 2 * r[2] ^ 2 - 2) <= within]
  let archs = distinct([nearest(g, r, 1) for r in fit])
  let winner = top(archs, 1, by: score)[0]
  [r for r in fit if nearest(g, r, 1) == winner][0]
}
/// The member whose choices lie nearest to the base's, scaled.
fn nearest(g: Growth, rates: (Float, Float, Float), p: Float) -> Arch {
  let rate = { depth: rates[0] ^ p, width: rates[1] ^ p, side: rates[2] ^ p }
  g.space.build(s => top(s.options, 1, by: o => -abs(o - g.base[s] * rate[s.name]))[0])
}
/// Members of a family within a window, drawn apart from any path: the other control.
fn feasible(g: Growth, budget: Macs, n: Int, tolerance: Percent = 5%) -> [Arch] {
  sample(g.space where macs in budget * (1 - tolerance) ..= budget * (1 + tolerance), n)
}

/// Evaluators are functions of a member. This one trains, so a search that is given it trains.
fn short_training(g: Growth, train: Data, valid: Data, steps: Int, seeds: [Int], opt: Optimiser = sgd(cosine(0.1 -> 1e-3), momentum: 0.9))(a: Arch) -> Score {
  let (fit_on, judge_on) = (sized(train, a.side), sized(valid, a.side))
  mean([accuracy(g[a][fit(g[a], fit_on, steps, opt, seed: s)], judge_on) for s in seeds])
}
/// Images at another side, by the mean of the area that each pixel covers.
fn sized(data: Data, side: Int) -> Data { data.map(x => to_side(x, side)) }
fn to_side(x: [n, c, h, w], side: Int) -> [n, c, side, side] {
  if h == side and w == side { x } else { contract("n c h w, i h, j w -> n c i j", x, covering(h, side), covering(w, side)) }
}
fn covering(from: Int, side: Int) -> [[Float]] {
  let f = from / side
  [[max(0, min((i + 1) * f, p + 1) - max(i * f, p)) / f for p in 0..from] for i in 0..side]
}
/// Whether each member has at least what the one before it has: at every knob of the family.
fn grows(path: [Arch]) -> Bool {
  all(all(b.depth[s] >= a.depth[s] and b.width[s] >= a.width[s] for s in 0..len(a.depth)) and b.side >= a.side for (a, b) in zip(drop(path, last: 1), drop(path, 1)))
}

let small = staged()
test "areas" {
  expect to_side(reshape(cumsum(ones[16]), [1, 1, 4, 4]), 2) == reshape([3.5, 5.5, 11.5, 13.5], [1, 1, 2, 2])
  expect to_side(ones[1, 3, 8, 8], 8) == ones[1, 3, 8, 8] and max(abs(to_side(ones[1, 3, 6, 4], 5) - 1)) < 1e-6
  expect covering(4, 2) == [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]]
  expect all(sum(row) == 1 within 1e-9 for row in covering(32, 24))
}
test "moves and ladders" {
  let g = growth(small, small["1,1,1 8,16,32 16"])
  expect len(g.moves) == 7
  expect macs(g[push(g, g.base, g.moves[0], 600_000)]) >= 600_000
  expect reachable(g, "2,1,1 8,16,32 16", "2,3,1 12,16,32 24")
  expect not reachable(g, "2,1,1 8,16,32 16", "1,3,1 12,16,32 24")
  expect encode(nearest(g, (1, 1, 1), 1)) == encode(g.base)
}
test "a greedy path under a window, by fewest parameters" {
  let g = growth(small, small["1,1,1 8,16,32 16"])
  let r = greedy(g, a => -params(g[a]), 4M)
  expect macs(g[r[0]]) >= 3.8M and macs(g[r[0]]) <= 4.2M
  expect len(r.history) == 5
  expect grows([h[0] for h in r.history])
  let c = compound(g, (1.2, 1.1, 1.15), 4M)
  expect len(c) == 1 and macs(g[c[0]]) == 4M within 0.5M
}
test "a rung that no move leads to is told" {
  let g = growth(small, small["1,1,1 8,16,32 16"])
  expect not known(greedy(g, a => -params(g[a]), 4M, 3, tolerance: 0.01%))
}
test "rates of compound scaling: about twice the cost, by the score asked for" {
  let g = growth(small, small["2,2,2 16,32,64 24"])
  let deep = compound_rates(g, a => sum(a.depth))
  let wide = compound_rates(g, a => sum(a.width))
  expect abs(deep[0] * deep[1] ^ 2 * deep[2] ^ 2 - 2) <= 0.1 and abs(wide[0] * wide[1] ^ 2 * wide[2] ^ 2 - 2) <= 0.1
  expect sum(nearest(g, deep, 1).depth) > sum(nearest(g, wide, 1).depth) and sum(nearest(g, wide, 1).width) > sum(nearest(g, deep, 1).width)
  // EfficientNet's own rates.
  expect abs(1.2 * 1.1 ^ 2 * 1.15 ^ 2 - 2) <= 0.1
}
