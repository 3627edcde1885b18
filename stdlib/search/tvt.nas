//! TVT (Wei et al., 2023): training-free search for the vision transformer that a convolutional teacher teaches best.
//! The two terms are the released metric; how they are merged is not public: here the sum after min-max over the pool, and the sum of ranks.
use search.proxies

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
