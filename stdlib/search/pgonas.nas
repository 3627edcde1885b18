//! PGONAS (Dong et al., CVPR 2022 supernet track, third place): sandwich sampling, a smooth outer activation, and a ranking loss guided by a free prior.
use search.{samplers, sharing, rd_nas}

/// Members with the largest, and with the smallest, option at each site: of spaces whose options are numbers.
fn largest(space: Space) -> Arch { space.build(s => s.options[argsort([-o for o in s.options])[0]]) }
fn smallest(space: Space) -> Arch { space.build(s => s.options[argsort([o for o in s.options])[0]]) }

/// Yu and Huang 2019: the largest, the smallest, and n - 2 others.
fn sandwich(space: Space, n: Int = 4, middle: Space -> Arch = by_site) -> { largest: Arch, smallest: Arch, middle: [Arch] } {
  { largest: largest(space), smallest: smallest(space), middle: [~middle(space) for i in 0..(n - 2)] }
}
/// The same where options are operations and the ends have to be named: of NAS-Bench-201 RD-NAS takes 3 x 3 convolutions everywhere, and one such and five skips.
fn sandwich_between(space: Space, largest: Arch, smallest: Arch, n: Int = 4, middle: Space -> Arch = by_site) -> { largest: Arch, smallest: Arch, middle: [Arch] } {
  { largest: largest, smallest: smallest, middle: [~middle(space) for i in 0..(n - 2)] }
}
/// The ends, and between them subnets that use every option of every site (FairNAS): tried by the authors, who report that it did not converge, since with 7 widths the fair subnets outweigh the largest one.
fn fair_sandwich(space: Space, m: Int = 7) -> { largest: Arch, smallest: Arch, middle: [Arch] } {
  let f ~ fair(space, m)
  { largest: largest(space), smallest: smallest(space), middle: f.subnets }
}
/// Against the bell shape of costs: `of` candidates, one kept with probability proportional to its cost.
fn balanced(space: Space, cost: Net -> Int, of: Int = 3) -> Arch {
  let candidates = [~by_site(space) for i in 0..of]
  ~pick(candidates, weight: a => cost(space[a]))
}
/// Roles of a step: sandwich, and m pairs for the ranking loss. One draw a step for all workers: draws are keyed by step.
fn pgonas_roles(space: Space, n: Int = 4, m: Int = 2, middle: Space -> Arch = by_site) -> { largest: Arch, smallest: Arch, middle: [Arch], pairs: [{ a: Arch, b: Arch }] } {
  let s ~ sandwich(space, n, middle)
  { ..s, pairs: [{ a: ~by_site(space), b: ~by_site(space) } for i in 0..m] }
}
/// Digits of widths in which two contest codes differ: the stem's, and two for each block that either has.
fn code_distance(a: Arch, b: Arch) -> Int {
  differ(a.tied[0], b.tied[0]) + sum(stage_distance(a.mid[s], b.mid[s], differ(a.tied[s], b.tied[s])) for s in 0..len(a.mid))
}
fn differ(x: Float, y: Float) -> Int { if x == y { 0 } else { 1 } }
fn stage_distance(a: [Float], b: [Float], outer: Int) -> Int {
  let both = min(len(a), len(b))
  sum(differ(a[i], b[i]) + outer for i in 0..both) + 2 * (max(len(a), len(b)) - both)
}
/// The variant with Zen for a prior: `m` pairs, the second member drawn until it lies `margin` apart (at most ten times); its weight is constant(1).
fn zen_roles(space: Space, n: Int = 4, m: Int = 3, distance: (Arch, Arch) -> Float = code_distance, margin: Float = 33) -> { largest: Arch, smallest: Arch, middle: [Arch], pairs: [{ a: Arch, b: Arch }] } {
  let s ~ sandwich(space, n)
  { ..s, pairs: [~margin_pairs(space, distance, margin) for i in 0..m] }
}
/// Tried by the authors: nothing first, a plateau of 2, nothing at the end, as shares of 70 epochs. The best of three is `ramp` of RD-NAS.
schedule rise_and_fall(peak: Float = 2) at now = peak * clamp(min((now.fraction - 5 / 70) * 70 / 15, (1 - now.fraction) * 70 / 20), 0, 1)

/// Channels by what the next convolution makes of them, the strongest first, so that leading slices keep those (released start of the supernet): the sum of absolute weights that read each.
fn by_importance(next: [o, c, k, l]) -> [Int] { order([v for v in sum(abs(next), over: [0, 2, 3])]) }
/// Two convolutions in a row whose middle channels change places: the composition stays what it was. Batch norms between them are reordered by the same list.
fn reordered(first: [m, c, k, l], next: [o, m, p, q]) -> ([m, c, k, l], [o, m, p, q]) {
  let by = by_importance(next)
  (gather(first, by, over: 0), gather(next, by, over: 1))
}

/// Labels reach the largest member only; smallest and middle ones follow its stopped logits; the losses of a pair are not minimised
/// themselves, only their order, weighed by `weight`, towards the prior's. `weight: constant(0)` and `pairs: 0` leave plain sandwich training.
trainer pgonas(space: Space, data: Data, prior: Net -> Score, roles: Space -> Record, weight: Schedule, opt: Optimiser, epochs: Epochs = 70) -> Weights {
  weights w = init(space, entangled)
  for (x, y) in data.batches(64, epochs: epochs) {
    let r ~ roles(space)
    let z = space[r.largest, w](x)
    let follow = [soft_cross_entropy(space[a, w](x), z) for a in [r.smallest] ++ r.middle]
    let rank = [rank_hinge(cross_entropy(space[p.a, w](x), y), cross_entropy(space[p.b, w](x), y), prior(space[p.a]), prior(space[p.b])) for p in r.pairs]
    minimise cross_entropy(z, y) + sum(follow) + weight(now) * (if len(rank) == 0 { 0 } else { sum(rank) }) over w by opt
  }
  w
}

/// Sandwich training by itself, under any sharing policy: labels for the largest, its stopped logits for all others. For NAS-Bench-201 `roles: sandwich_between(_, conv3x3_everywhere, one_and_skips)`.
trainer sandwich_training(space: Space, data: Data, roles: Space -> Record, share: Any, opt: Optimiser, epochs: Epochs) -> Weights {
  weights w = init(space, share)
  for (x, y) in data.batches(64, epochs: epochs) {
    let r ~ roles(space)
    let z = space[r.largest, w](x)
    minimise cross_entropy(z, y) + sum(soft_cross_entropy(space[a, w](x), z) for a in [r.smallest] ++ r.middle) over w by opt
  }
  w
}
/// The control: a prior's scores of `n` members, dealt out anew; a member reads the one at a place that its parameters give. A prime `n` spreads them.
fn dealt(space: Space, prior: Net -> Score, n: Int = 997, seed: Int = 0) -> (Net -> Score) {
  let scores = shuffle([prior(space[a]) for a in sample(space, n, seed: seed)], seed: seed)
  net => scores[params(net) % len(scores)]
}

test "roles: the ends are the space's, the rest are drawn" {
  let s = bars()
  expect s[largest(s)] == [7, 7, 7] and s[smallest(s)] == [3, 3, 3]
  let r ~ pgonas_roles(s, n: 5, m: 3)
  expect s[r.largest] == [7, 7, 7] and s[r.smallest] == [3, 3, 3] and len(r.middle) == 3 and len(r.pairs) == 3
}
test "named ends, and fair ones in the middle" {
  let s = bars()
  let r ~ sandwich_between(s, decode(s, "733"), decode(s, "333"), n: 3)
  expect s[r.largest] == [7, 3, 3] and len(r.middle) == 1
  let f ~ fair_sandwich(s, 3)
  expect all(sort([s[a][i] for a in f.middle]) == [3, 5, 7] for i in 0..3) and f.largest == largest(s)
}
test "channels change places, the net stays" {
  let (first, next) = (sin(reshape(cumsum(ones[216]), [8, 3, 3, 3])), cos(reshape(cumsum(ones[288]), [4, 8, 3, 3])) * reshape([3.0, 1, 4, 1.5, 9, 2, 6, 5], [1, 8, 1, 1]))
  let (a, b) = reordered(first, next)
  expect sorted(-1 * sum(abs(b), over: [0, 2, 3]))
  let x = sin(reshape(cumsum(ones[192]), [1, 3, 8, 8]))
  let through = (u, v) => conv(rectify(conv(x, u)), v)
  expect max(abs(through(a, b) - through(first, next))) < 1e-3
}
test "pairs of the variant with Zen lie apart" {
  let r ~ zen_roles(bars(), n: 3, m: 4, distance: hamming, margin: 2)
  expect len(r.pairs) == 4 and r.largest == largest(bars())
  expect stage_distance([1, 0.9], [1, 0.8, 0.7], 0) == 1 + 2 and stage_distance([1, 0.9], [1, 0.8, 0.7], 1) == 2 + 1 + 2
}
space bars() {
  let w = [choose [5, 7, 3] for i in 0..3]
  encoding "{w join}"
  value w
}
test "the schedules at their turning points" {
  // The first one tried peaks at epoch 50: the sine over 80 epochs.
  expect sine_weight()(epoch 50 of 80) == 2 within 1e-9 and sine_weight()(epoch 0 of 80) == 0 and ramp(2, 20)(epoch 10 of 70) == 1 and ramp(2, 20)(epoch 60 of 70) == 2
  expect rise_and_fall()(epoch 5 of 70) == 0 and rise_and_fall()(epoch 20 of 70) == 2 within 1e-9
  expect rise_and_fall()(epoch 50 of 70) == 2 within 1e-9 and rise_and_fall()(epoch 60 of 70) == 1 within 1e-9
}
space widths() {
  let w = choose [4, 5, 6, 7]
  net(x: [n, 3, 8, 8]) -> [n, 10] { x |> conv2d(w, 3) |> mean(over: [2, 3]) |> linear(10) }
}
test "a prior dealt out anew: the same scores, one for a member, the same each time" {
  let archs = sample(widths(), 4)
  let own = [params(widths()[a]) for a in archs]
  let anew = [dealt(widths(), params, n: 4)(widths()[a]) for a in archs]
  expect all(s in own for s in anew)
  expect anew == [dealt(widths(), params, n: 4)(widths()[a]) for a in archs]
}
test "a sandwich trains widths, and operations" {
  let d = data.generated(64, test: 4, side: 8)
  let w = sandwich_training(widths(), d, sandwich(_, n: 3), entangled, sgd(constant(0.01)), 1, seed: 1)
  expect finite(widths()[largest(widths()), w](ones[1, 3, 8, 8]))
  let s = kinds()
  let ends = sandwich_between(_, decode(s, "wide wide"), decode(s, "wide narrow"), n: 3)
  let v = sandwich_training(s, d, ends, by_operation, sgd(constant(0.01)), 1, seed: 1)
  expect finite(s[decode(s, "narrow narrow"), v](ones[1, 3, 8, 8]))
}
space kinds() {
  let op = [choose { wide: conv2d(4, 3), narrow: conv2d(4, 1) } for i in 0..2]
  encoding "{op[0]} {op[1]}"
  net(x: [n, 3, 8, 8]) -> [n, 10] { x |> op[0] |> relu |> op[1] |> mean(over: [2, 3]) |> linear(10) }
}
