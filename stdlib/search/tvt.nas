//! TVT (Wei et al., 2023): training-free search for the vision transformer that a convolutional teacher teaches best.
//! The two terms are the released metric; how they are merged is not public: here the sum after min-max over the pool, and the sum of ranks.
use search.proxies
use spaces.vit.{autoformer, encoder}
use nets.small.{small_resnet, basic}

// ---------------------------------------------------------------- maps
/// Bilinear interpolation along one axis, corners not aligned: how much of each of `from` places goes into each of `to`.
fn interpolation(from: Int, to: Int) -> Tensor {
  let at = clamp((cumsum(ones[to]) - 0.5) * (from / to) - 0.5, 0, from - 1)
  rectify(1 - abs(reshape(at, [to, 1]) - reshape(cumsum(ones[from]) - 1, [1, from])))
}
/// Height p, width q.
fn resized(x: [n, c, h, w], p: Int, q: Int) -> [n, c, p, q] {
  if p == h and q == w { x } else { contract("n c h w, p h, q w -> n c p q", x, interpolation(h, p), interpolation(w, q)) }
}
/// Zagoruyko and Komodakis 2017: mean of squares over channels, a vector of length one for each image.
fn attention_map(f: [n, c, h, w]) -> [n, _] {
  let q = flatten(mean(f * f, over: 1), from: 1)
  q / norm(q, over: 1, keep: true)
}
/// Mean squared difference of attention maps, both resized to the larger height and width.
fn attention_distance(f: [n, c, h, w], g: [n, d, p, q]) -> Float {
  let (a, b) = (max(h, p), max(w, q))
  mean((attention_map(resized(f, a, b)) - attention_map(resized(g, a, b))) ^ 2)
}

// ---------------------------------------------------------------- the two terms
/// Section 3.2: minus the distance of the student's last patch tokens from the teacher's last stage. The student sees the images at its own size.
/// `deviation`: linear layers start from N(0, deviation), as the released AutoFormer's do with 0.02; 0 keeps the start they have.
proxy teacher_aware(student: Net{patches}, teacher: Net{features}, batch: { x: Tensor, y: Tensor }, deviation: Float = 0) -> Float {
  let (s, t) = (student.input[1], teacher.input[1])
  let net ~ started(student, deviation)
  -attention_distance(trace(net, resized(batch.x, s, s)).patches, trace(teacher, resized(batch.x, t, t)).features)
}
/// Section 3.3: the sum of Frobenius norms of the student's convolutions and linear layers.
proxy capability(student: Net, deviation: Float = 0) -> Float {
  let net ~ started(student, deviation)
  sum(norm(w) for w in weights_of(net))
}
fn started(student: Net, deviation: Float) -> Net {
  if deviation == 0 { student } else { student with { linear.weight: w => deviation * ~normal[..w.shape] } }
}

/// What `capability` is expected to be under the released starting values: a function of the architecture alone.
fn expected_autoformer(dim: Int, ratios: [Float], classes: Int) -> Float {
  sqrt(dim / 3) + 0.02 * sqrt(dim * classes) + 0.02 * dim * sum(sqrt(3) + 1 + 2 * sqrt(r) for r in ratios)
}
fn expected_pit(base: Int, ratio: Float, depth: [Int], heads: [Int], classes: Int) -> Float {
  let d = [base * h for h in heads]
  let layers = sum(m * (sqrt(e) + 2 * sqrt(e / 3) + sqrt(ratio * e / 3)) for (m, e) in zip(depth, d))
  sqrt(d[0] / 3) + sqrt(classes / 3) + layers + 2 * sum(sqrt(e / 3) for e in d[1..])
}

// ---------------------------------------------------------------- merging, over a pool
/// To 0..1; a constant score gives zeros.
fn min_max(xs: [Float]) -> [Float] {
  let (low, high) = (min(xs), max(xs))
  [if high > low { (x - low) / (high - low) } else { 0 } for x in xs]
}
/// Rounded to 9 places: smaller differences are rounding noise, and count as ties.
fn tied(xs: [Float]) -> [Float] { [round(x, to: 1e-9) for x in xs] }
fn merged(a: [Float], b: [Float]) -> [Float] { [x + y for (x, y) in zip(min_max(a), min_max(b))] }
fn merged_by_rank(a: [Float], b: [Float]) -> [Float] { [x + y for (x, y) in zip(ranks(a), ranks(b))] }

// ---------------------------------------------------------------- training the winner
/// Feature distillation: the mean squared difference after the learned 1 x 1 convolution, at the teacher's size; no logit term.
loss feature_mse(student: [n, c, h, w], teacher: [n, c, p, q]) -> Float { mean((resized(student, p, q) - stop(teacher)) ^ 2) }

/// A student beside its teacher. The adapter takes the student's map to the teacher's `channels`; it is dropped afterwards.
trainer taught(student: Net{patches}, teacher: Net{features}, channels: Int, data: Data, steps: Int, opt: Optimiser, weight: Float = 2.5) -> Weights {
  let adapter = net(f: [n, c, h, w]) { f |> conv2d(channels, 1) }
  weights w = init(student)
  weights p = init(adapter)
  for (x, y) in data.batches(64, steps: steps) {
    let s = trace(student[w], x)
    minimise cross_entropy(s.out, y) + weight * feature_mse(adapter[p](s.patches), trace(teacher, x).features) over (w, p) by opt
  }
  w
}

/// The released recipe distils three: the student's first, middle and last layer (0, 6 and 11 of 12) to the teacher's three stages. `layer` and `stage` are the blocks whose outputs are meant, tokens
/// with the class token first and maps; `channels` those of the teacher's stages. Adapters are dropped afterwards.
trainer taught_by_stages(student: Net, teacher: Net, layer: BlockKind, stage: BlockKind, channels: [Int], data: Data, steps: Int, opt: Optimiser, weight: Float = 2.5) -> Weights {
  let adapters = net(a: [n, d, h, w], b: [n, d, h, w], c: [n, d, h, w]) { (a |> conv2d(channels[0], 1), b |> conv2d(channels[1], 1), c |> conv2d(channels[2], 1)) }
  weights w = init(student)
  weights p = init(adapters)
  for (x, y) in data.batches(64, steps: steps) {
    let s = trace(student[w], x)
    let maps = [as_map(t, round(sqrt(size(t)[1] - 1))) for t in ends_and_middle([c.out for c in s.all(layer)])]
    let goals = last_of_thirds([c.out for c in trace(teacher, x).all(stage)])
    let (a, b, c) = adapters[p](maps[0], maps[1], maps[2])
    minimise cross_entropy(s.out, y) + weight * sum(feature_mse(m, g) for (m, g) in zip([a, b, c], goals)) over (w, p) by opt
  }
  w
}
/// Tokens without the first one, as a square map.
fn as_map(z: Tensor, side: Int) -> Tensor { z |> take(1.., over: 1) |> rearrange("n (h w) d -> n d h w", h: side) }
fn ends_and_middle(xs: [Any]) -> [Any] { [xs[0], xs[floor(len(xs) / 2)], last(xs)] }
/// The last of each third: of 27 blocks of a ResNet-56 the 9th, 18th and 27th.
fn last_of_thirds(xs: [Any]) -> [Any] { [xs[floor(len(xs) * k / 3) - 1] for k in 1..=3] }

/// Section 4's search: `n` random members of a window, scored, the best first. With the released settings 500 of 4 to 9 M parameters (AutoFormer) or 4 to 22 M (PiT).
/// `terms` gives the two terms of a member; they are merged over the pool, so that a score is of this pool alone.
search tvt(space: Space, terms: Arch -> { aware: Float, capable: Float }, n: Int = 500, merge: Any = merged) -> [Scored] {
  let archs = sample(space, n)
  let both = [terms(a) for a in archs]
  best_first([{ arch: a, score: s } for (a, s) in zip(archs, merge([t.aware for t in both], [t.capable for t in both]))])
}

test "interpolation" {
  expect all(abs(x) < 1e-6 for x in flatten(interpolation(4, 4) - eye(4), from: 0))
  expect all(abs(s - 1) < 1e-6 for s in sum(interpolation(7, 14), over: 1))
  expect interpolation(2, 4)[1, 0] == 0.75 within 1e-6
}
test "attention maps have length one, and differ by nothing from themselves" {
  let f = reshape(cumsum(ones[24]), [2, 3, 2, 2])
  expect all(abs(s - 1) < 1e-6 for s in sum(attention_map(f) ^ 2, over: 1))
  expect attention_distance(f, f) == 0 and attention_distance(f, 2 * f) < 1e-12
}
test "min-max" { expect min_max([2, 4, 3]) == [0, 1, 0.5] and min_max([1, 1]) == [0, 0] }
test "which layers and stages" {
  expect ends_and_middle([i for i in 0..12]) == [0, 6, 11] and ends_and_middle([i for i in 0..14]) == [0, 7, 13]
  expect last_of_thirds([i for i in 1..=27]) == [9, 18, 27] and last_of_thirds([1, 2, 3]) == [1, 2, 3]
}
test "three maps are taught" {
  let space = autoformer(10, dims: [16], depths: 2..=3, ratios: [2.0], head_counts: [2], side: 16, patch: 4)
  let (student, teacher) = (space[sample(space, 1)[0]], small_resnet(1, 10, width: 4, side: 16))
  let w = taught_by_stages(student, teacher, encoder, basic, [4, 8, 16], data.generated(64, test: 4), 1, sgd(constant(0.01)), seed: 1)
  expect finite(student[w](ones[1, 3, 16, 16]))
}
test "a search over a pool" {
  let space = autoformer(10, dims: [16, 24], depths: 2..=3, ratios: [2.0, 3.0], head_counts: [2], side: 16, patch: 4)
  let found = tvt(space where params >= 7_000 params, a => { aware: -a.depth, capable: expected_autoformer(a.dim, [l.ratio for l in a.layers], 10) }, n: 12, seed: 1)
  expect len(found) == 12 and all(params(space[s.arch]) >= 7_000 for s in found) and found[0].score >= last(found).score and found[0].score <= 2
}
