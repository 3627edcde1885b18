//! Losses of a student beside a teacher, as methods here use or tried them. Means over the batch; the teacher's side is stopped. `kl`, `soft_cross_entropy` and `mse` are in scope everywhere.
use search.tvt.{attention_map, resized}

/// Usual mixture: (1 - alpha) times the label's loss and alpha times `kl` at a temperature.
loss softened(z: [n, c], t: [n, c], y: [n] of Label[c], alpha: Rate = 0.5, temperature: Float = 4) -> Float { (1 - alpha) * cross_entropy(z, y) + alpha * kl(temperature: temperature)(z, t) }
/// Zagoruyko and Komodakis 2017: mean squared difference of the maps of squared activations, each of length one; the smaller map is resized.
loss attention_transfer(f: [n, c, h, w], t: [n, d, p, q]) -> Float {
  let (a, b) = (max(h, p), max(w, q))
  mean((attention_map(resized(f, a, b)) - attention_map(resized(stop(t), a, b))) ^ 2)
}
/// Tung and Mori 2019: who is like whom in the batch; rows of length one, squared Frobenius norm of the difference over n^2.
loss similarity(f: [n, ..s], t: [n, ..u]) -> Float { mean((alike(f) - alike(stop(t))) ^ 2) }
fn alike(f: [n, ..s]) -> [n, n] {
  let v = flatten(f, from: 1)
  let g = contract("i d, j d -> i j", v, v)
  g / max(norm(g, over: 1, keep: true), 1e-12)
}
/// Park et al. 2019: distances within the batch over their mean, and angles of triples, each by Huber's loss; 25 and 50 as released.
loss relational(f: [n, ..s], t: [n, ..u], distance: Float = 25, angle: Float = 50) -> Float {
  let (a, b) = (flatten(f, from: 1), flatten(stop(t), from: 1))
  distance * huber(distances(a) - distances(b)) + angle * huber(angles(a) - angles(b))
}
fn huber(x: Tensor) -> Float { mean(if_small(abs(x))) }
fn if_small(x: Tensor) -> Tensor {
  let low = min(x, 1)
  low ^ 2 / 2 + (x - low)
}
/// Distances of all pairs over the mean of those that are not 0.
fn distances(v: [n, d]) -> [n, n] {
  let sq = sum(v * v, over: 1, keep: true)
  let d2 = rectify(sq + rearrange(sq, "n o -> o n") - 2 * contract("i d, j d -> i j", v, v))
  let d = sqrt(d2 + 1e-12) * (1 - eye(n))
  d * (n * (n - 1)) / max(sum(d), 1e-12)
}
/// Cosines of the angles at j between i and k.
fn angles(v: [n, d]) -> [n, n, n] {
  let e = reshape(v, [1, n, d]) - reshape(v, [n, 1, d])
  let u = e / max(norm(e, over: 2, keep: true), 1e-6)
  contract("j i d, j k d -> j i k", u, u)
}
/// max(0, margin - y (u - v)): y is 1 where u must be the larger, -1 where v must.
loss margin_ranking(u: Float, v: Float, y: Float, margin: Float = 0) -> Float { rectify(margin - y * (u - v)) }
/// RD-NAS's hinge with a margin that grows with how far two members lie apart, `eta` at the greatest distance: not in the released code, whose hinge has none.
loss distant_hinge(la: Float, lb: Float, ka: Score, kb: Score, share: Float, eta: Float = 0.1) -> Float { rectify(sign(kb - ka) * (lb - stop(la)) + abs(sign(kb - ka)) * eta * share) }
/// AlphaNet (Wang et al. 2021): of the alpha-divergences at -1 and at 1 the larger, sample by sample; importance ratios are clipped at `ratio`, as they overflow.
loss adaptive_alpha(z: [n, c], t: [n, c], low: Float = -1, high: Float = 1, ratio: Float = 5) -> Float {
  let (p, q) = (softmax(stop(t)), softmax(z))
  mean(max(alpha_each(p, q, low, ratio), alpha_each(p, q, high, ratio)))
}
/// 1 / (alpha (alpha - 1)) (sum of q (p / q)^alpha, less 1); at 1 the divergence of p from q, at 0 that of q from p. One number a sample.
fn alpha_each(p: [n, c], q: [n, c], alpha: Float, ratio: Float = 1e9) -> [n] {
  let w = clamp(p / max(q, 1e-12), 1 / ratio, ratio)
  if alpha == 1 { sum(p * log(w), over: 1) } else if alpha == 0 { -sum(q * log(w), over: 1) } else { (sum(q * exp(alpha * log(w)), over: 1) - 1) / (alpha * (alpha - 1)) }
}

test "a student like its teacher pays nothing" {
  let f = sin(reshape(cumsum(ones[96]), [4, 2, 4, 3]))
  expect attention_transfer(f, f) == 0 and similarity(f, f) == 0 and relational(f, f) == 0
  let z = reshape(sin(cumsum(ones[12])), [4, 3])
  expect adaptive_alpha(z, z) == 0 within 1e-6 and softened(z, z, [0, 1, 2, 0], alpha: 1) == 0 within 1e-6
}
test "what does not count: the length of a map, of a row, of all distances" {
  let f = sin(reshape(cumsum(ones[96]), [4, 2, 4, 3]))
  expect attention_transfer(3 * f, f) < 1e-10 and similarity(3 * f, f) < 1e-10 and relational(3 * f, f) < 1e-6
}
test "similarity and relations by hand" {
  // Two samples at right angles against two that are one: rows (1, 0), (0, 1) against (1, 1) / sqrt 2 twice.
  let (apart, one) = (eye(2), ones[2, 2])
  let s = 1 / sqrt(2)
  expect similarity(apart, one) == (2 * (1 - s) ^ 2 + 2 * s ^ 2) / 4 within 1e-6
  // Three points on a line at 0, 1, 3: distances 1, 2, 3, of mean 2.
  let d = distances(reshape([0.0, 1, 3], [3, 1]))
  expect all(abs(d - [[0, 0.5, 1.5], [0.5, 0, 1], [1.5, 1, 0]]) < 1e-5)
  // At the middle of three points on a line the others lie on opposite sides.
  expect angles(reshape([0.0, 1, 3], [3, 1]))[1, 0, 2] == -1 within 1e-6
  expect huber(reshape([0.5, 3], [2])) == (0.125 + 2.5) / 2
}
test "margins" {
  expect margin_ranking(2, 1, 1) == 0 and margin_ranking(2, 1, -1) == 1 and margin_ranking(2, 1, 1, 3) == 2
  expect distant_hinge(1, 1, 1, 2, 0.5) == 0.05 within 1e-9 and distant_hinge(1, 1, 2, 2, 0.5) == 0 and distant_hinge(1, 3, 1, 2, 0) == 2
}
test "divergences of two coins" {
  let (p, q) = ([[0.5, 0.5]], [[0.25, 0.75]])
  expect alpha_each(p, q, 1)[0] == 0.5 * log(2) + 0.5 * log(2 / 3) within 1e-6
  // At -1: half of sum q^2 / p less 1; at 2: half of sum p^2 / q less 1.
  expect alpha_each(p, q, -1)[0] == (0.125 + 1.125 - 1) / 2 within 1e-6 and alpha_each(p, q, 2)[0] == (1 + 1 / 3 - 1) / 2 within 1e-6
  // A ratio of a million is cut at 5.
  expect adaptive_alpha([[-20.0, 20]], [[20.0, -20]]) <= 6
}
test "the teacher gets no gradient" {
  expect grad(similarity([[1.0, 2], [3.0, 5]], reshape(a, [2, 1])), a) at a = [1.0, 2.0] == [0, 0]
}
