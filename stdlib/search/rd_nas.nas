//! RD-NAS (Dong et al., ICASSP 2023): distil a zero-cost teacher's ranking into a supernet.
use search.{sharing, samplers}

/// Gradient into the second sub-network only; the first is the anchor. Exact ties of the teacher are skipped: sign(0) = 0.
loss rank_hinge(la: Float, lb: Float, ka: Score, kb: Score) -> Float { rectify(sign(kb - ka) * (lb - stop(la))) }

/// 2 sin(0.8 pi e / E): nothing first, most at 5/8 of the training.
schedule sine_weight(peak: Float = 2) at now = peak * sin(0.8 * pi * now.epoch / now.epochs)
/// The alternative of the released code: min(2, e / 10).
schedule ramp(peak: Float = 2, over: Epochs = 20) at now = min(peak, peak * now.epoch / over)

/// Two sub-networks a step, and the teacher's opinion of which is better. `share: entangled` for spaces of widths, as the ResNet space of the paper's second half.
trainer rd_nas(space: Space, data: Data, teacher: Net -> Score, pairs: Space -> { a: Arch, b: Arch }, weight: Schedule = sine_weight(), opt: Optimiser = sgd(cosine(0.025 -> 1e-3), momentum: 0.9, decay: 5e-4), epochs: Epochs = 250, share: Any = by_operation) -> Weights {
  weights w = init(space, share)
  for (x, y) in data.batches(64, epochs: epochs) {
    let r ~ pairs(space)
    let la = cross_entropy(space[r.a, w](x), y)
    let lb = cross_entropy(space[r.b, w](x), y)
    minimise la + lb + weight(now) * rank_hinge(la, lb, teacher(space[r.a]), teacher(space[r.b])) over w by opt
  }
  w
}
/// A teacher's scores dealt out anew among the members: the control. The distribution of scores stays.
fn shuffled_scores(space: Space, teacher: Net -> Score, seed: Int = 0) -> Record {
  let all = sample(space, 100_000, seed: 0)
  let mixed = shuffle([teacher(space[a]) for a in all], seed: seed)
  { name: s for (name, s) in zip([encode(a) for a in all], mixed) }
}

test "the weight is 0 first, largest at 5/8" {
  expect sine_weight()(epoch 0 of 250) == 0
  expect sine_weight()(epoch 156 of 250) within 0.001 of 2
}
test "the anchor gets no gradient" {
  expect grad(rank_hinge(a, 2.0, 1, 2), a) at a = [1.0] == [0]
}
/// Widths and depths, as in the paper's second space.
space slim() {
  let depth = choose 1..=2
  let w = [choose [4, 6, 8] for i in 0..depth]
  encoding "{w join -}"
  net(x: [n, 3, 8, 8]) -> [n, 4] { x |> repeat w as c { conv2d(c, 3) |> relu } |> mean(over: [2, 3]) |> linear(4) }
}
test "in a space of widths, whose members are slices of one another" {
  let w = rd_nas(slim, data.generated(64, 4, 8, test: 4), params, margin_pairs(_, distance: hamming, margin: 1), epochs: 1, share: entangled, seed: 1)
  let of = text => slim[decode(slim, text), w].all(conv2d)[0].weight
  expect of("4-8")[..4] == of("8-8")[..4] and size(of("8-8")) == [8, 3, 3, 3]
}
test "the released alternative, and the hinge by hand" {
  expect ramp(2, 20)(epoch 0 of 250) == 0 and ramp(2, 20)(epoch 10 of 250) == 1 and ramp(2, 20)(epoch 200 of 250) == 2
  // The teacher prefers b: the hinge asks for a smaller loss of b, and is 0 where it has that; it prefers a: the other way; a tie asks for nothing.
  expect rank_hinge(1, 3, 1, 2) == 2 and rank_hinge(3, 1, 1, 2) == 0 and rank_hinge(3, 1, 2, 1) == 2 and rank_hinge(1, 3, 2, 1) == 0 and rank_hinge(1, 3, 2, 2) == 0
  expect grad(rank_hinge(1.0, b, 1, 2), b) at b = [3.0] == [1] and grad(rank_hinge(3.0, b, 2, 1), b) at b = [1.0] == [-1]
}
