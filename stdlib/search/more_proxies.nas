//! Further zero-cost proxies: norms, saliency by sign, Fisher, SynFlow with batch norm, TE-NAS's two terms, DSS for transformers, and votes. Higher is better, always.
use search.proxies

/// The lengths of the weights, added up: of the shapes and the starting values alone.
proxy l2_norm(net: Net) -> Float { sum(norm(w) for w in weights_of(net)) }
/// Abdelfattah et al. 2021: weights times gradients, with their signs.
proxy plain(net: Net, batch: { x: Tensor, y: Tensor }) -> Float {
  let ws = weights_of(net)
  sum(sum(w * g) for (w, g) in zip(ws, grad(cross_entropy(net(batch.x), batch.y), ws)))
}
/// Turner et al. 2020, as released with the zero-cost proxies: half the mean over samples of the squared product of a channel and its gradient, summed over the map; each channel counts as
/// often as it has weights.
proxy fisher(net: Net, batch: { x: Tensor, y: Tensor }) -> Float {
  let t = trace(net, batch.x)
  let outs = [c.out for c in t.all(conv2d, linear)]
  let gs = grad(cross_entropy(t.out, batch.y), outs)
  sum(product(size(w)[1..]) * sum(channels(a, g)) for ((a, g), w) in zip(zip(outs, gs), weights_of(net)))
}
/// One number a channel of the second axis; what follows it is a map.
fn channels(a: [n, c, ..s], g: [n, c, ..s]) -> [c] { mean(sum(reshape(a * g, [n, c, product([d for d in s])]), over: 2) ^ 2, over: 0) / 2 }
/// SynFlow with its batch norms: one input of ones, at inference.
proxy synflow_bn(net: Net) -> Float {
  let positive = (net with { params: abs }) as f64
  let ws = weights_of(positive)
  sum(sum(abs(w * g)) for (w, g) in zip(ws, grad(sum(positive(ones[1, ..net.input])), ws)))
}

// ---------------------------------------------------------------- TE-NAS (Chen et al. 2021)
/// Minus the condition number of the samples' neural tangent kernel, of the summed outputs; a kernel that is not of full rank counts as 1e5.
proxy ntk_condition(net: Net, batch: { x: Tensor, y: Tensor }) -> Float {
  let ws = weights_of(net)
  let rows = [concat([flatten(g, from: 0) for g in grad(sum(net(batch.x[i..i + 1])), ws)]) as f64 for i in 0..size(batch.x)[0]]
  let j = concat([reshape(r, [1, size(r)[0]]) for r in rows], over: 0)
  let l = eigenvalues(contract("b p, c p -> b c", j, j))
  -(if min(l) > 1e-9 * max(l) { min(max(l) / min(l), 1e5) } else { 1e5 })
}
/// The number of different patterns of active units over a batch: samples that no other one shares its pattern with count one, two that share it a half each.
proxy linear_regions(net: Net, batch: { x: Tensor, y: Tensor }) -> Float {
  let codes = [flatten(c.in > 0) as f64 for c in trace(net, batch.x).all(relu)]
  let apart = sum(contract("b u, c u -> b c", s, 1 - s) + contract("b u, c u -> b c", 1 - s, s) for s in codes)
  sum(1 / sum((apart < 0.5) as f64, over: 1))
}
/// Terms are merged by their ranks over a pool, not by their values: for TE-NAS those of `ntk_condition` and of `linear_regions`.
fn summed_ranks(scores: [[Float]]) -> [Float] { [sum(r) for r in transpose([ranks(s) for s in scores])] }

/// Zen's score with the half-width of its 95 per cent interval, 1.96 s.d. over the root of the repeats (32 as released). Variances are each batch's own; the released code reads running ones.
search zen_interval(net: Net, batch: Int = 16, repeats: Int = 32, eps: Float = 1e-2) -> { score: Float, half_width: Float } {
  let turns = [~zen_once(net, batch, eps) for turn in 0..repeats]
  { score: mean(turns), half_width: 1.96 * std(turns) / sqrt(repeats) }
}

// ---------------------------------------------------------------- transformers and votes
/// Auto-Prox (Wei et al. 2024), approximately: over layers the mean of the length of the weight brought to 0 .. 1, and of the root of the sigmoid of a gradient; what gradient its released name means is not public,
/// here it is that of the layer's output.
proxy auto_prox(net: Net, batch: { x: Tensor, y: Tensor }) -> Float {
  let t = trace(net, batch.x)
  let outs = grad(cross_entropy(t.out, batch.y), [c.out for c in t.all(conv2d, linear)])
  mean([norm(scaled(w)) + mean(sqrt(sigmoid(g))) for (w, g) in zip(weights_of(net), outs)])
}
fn scaled(w: Tensor) -> Tensor { (w - min(w)) / max(max(w) - min(w), 1e-12) }
/// DSS (Zhou et al. 2022, TF-TAS): of attention's layers the product of the nuclear norms of gradient and weight, of all others saliency; gradients as in SynFlow, in single precision. `within` is the block
/// that holds attention's layers.
proxy dss(net: Net, within: Text = "attention") -> Float {
  let positive = net with { params: abs }
  let (ws, places) = (weights_of(positive), [b.path for b in positive.all(conv2d, linear)])
  let gs = grad(sum(positive(ones[1, ..net.input])), ws)
  sum(if captures(p, join(["*", within, "*"], by: "")) is none { sum(abs(w * g)) } else { nuclear(w) * nuclear(g) } for ((w, g), p) in zip(zip(ws, gs), places))
}
/// The sum of singular values.
fn nuclear(w: [a, b]) -> Float {
  sum(sqrt(rectify(eigenvalues(contract("i k, j k -> i j", w as f64, w as f64)))))
}
/// Naswot for a transformer, in which what goes into each gelu plays the relu's part; 0 where there is none.
proxy naswot_gelu(net: Net, batch: { x: Tensor, y: Tensor }) -> Float {
  let codes = [flatten(c.in > 0) as f64 for c in trace(net, batch.x).all(gelu)]
  if len(codes) == 0 { 0 } else { log_det(sum(contract("b u, c u -> b c", s, s) + contract("b u, c u -> b c", 1 - s, 1 - s) for s in codes)) }
}
/// Abdelfattah et al. 2021, by pairs: how many of the others a member is better than by most of the scores.
fn vote(scores: [[Float]]) -> [Int] {
  let members = transpose(scores)
  [count(b in members where sum(sign(x - y) for (x, y) in zip(a, b)) > 0) for a in members]
}

/// One linear layer, whose gradients are known: two classes, shares of a half.
fn flat(first: Float) -> Net { net(x: [n, 2]) { x |> linear(2, bias: false) } with { linear.weight: w => first * eye(2) } }
test "norms and signs by hand" {
  expect l2_norm(flat(3)) == sqrt(18) within 1e-5
  // Outputs (3, 0): shares p and 1 - p, label 1; the gradient of the weights is (p, 0; -p, 0), times the weights 3 p.
  let p = exp(3) / (exp(3) + 1)
  let b = { x: reshape([1.0, 0], [1, 2]), y: [1] }
  expect plain(flat(3), b) == 3 * p within 1e-5
  // Channel 0 has the output 3 and the gradient p, channel 1 the output 0: half of (3 p)^2, for two weights.
  expect fisher(flat(3), b) == 2 * (3 * p) ^ 2 / 2 within 1e-4
}
test "a channel is summed over its map before it is squared" {
  expect channels(ones[1, 2, 3, 3], ones[1, 2, 3, 3]) == [40.5, 40.5] and channels(ones[4, 2], ones[4, 2]) == [0.5, 0.5]
}
test "synflow with batch norm is that without where there is none" {
  let chain = net(x: [n, 8]) { x |> repeat 3 { linear(8, bias: false) |> relu } }
  expect abs(synflow_bn(chain) - synflow(chain)) < 1e-9
}
test "the kernel of a linear net is that of its inputs" {
  // Gradients of the summed outputs are the input, once an output: J J' = 2 X X'.
  let batch = { x: reshape([2.0, 0, 0, 1], [2, 2]), y: [0, 1] }
  expect ntk_condition(flat(1), batch) == -4 within 1e-6
  expect ntk_condition(flat(1), { x: ones[2, 2], y: [0, 1] }) == -100_000
}
test "an interval, and the approximate proxy of a layer known by hand" {
  let small = net(x: [n, 3, 8, 8]) {
    tap features = x |> conv2d(4, 3) |> batch_norm |> relu
    features |> mean(over: [2, 3]) |> linear(2)
  }
  let z = zen_interval(small, 4, 8, seed: 1)
  expect finite(z.score) and z.half_width > 0 and z.half_width < 1
  // Weights (3 0; 0 3) become (1 0; 0 1): length sqrt 2; gradients of the outputs p and -p, roots of sigmoids.
  let p = exp(3) / (exp(3) + 1)
  expect auto_prox(flat(3), { x: reshape([1.0, 0], [1, 2]), y: [1] }) == sqrt(2) + (sqrt(sigmoid(p)) + sqrt(sigmoid(-p))) / 2 within 1e-5
}
test "regions are patterns" {
  let units = net(x: [n, 2]) { x |> linear(2, bias: false) |> relu } with { linear.weight: w => eye(2) }
  let of = xs => linear_regions(units, { x: reshape(xs, [3, 2]), y: [0, 0, 0] })
  expect of([1.0, 1, 2, 1, -1, 1]) == 2 within 1e-9
  expect of([1.0, 1, 1, -1, -1, 1]) == 3 within 1e-9
}
test "ranks and votes over a pool" {
  expect summed_ranks([[1, 2, 3], [30, 20, 10]]) == [4, 4, 4] and summed_ranks([[-9, -1, -5], [1, 2, 3]]) == [2, 5, 5]
  // By two scores of three: the second beats the first, and the third beats both.
  expect vote([[1, 2, 3], [1, 2, 3], [9, 8, 7]]) == [0, 1, 2]
  expect vote([[1, 2], [2, 1]]) == [0, 0]
}
test "nuclear norms, and a transformer's score" {
  expect nuclear(2 * eye(3)) == 6 within 1e-5 and nuclear(ones[2, 8]) == 4 within 1e-4
  let vit = net(x: [n, 4, 8]) { (x |> pre_norm { attention(2) } |> pre_norm { mlp(16) } |> mean(over: 1)) |> linear(3) }
  expect finite(dss(vit)) and dss(vit) > 0 and dss(vit, "no_such_block") != dss(vit)
  expect finite(naswot_gelu(vit, { x: sin(reshape(cumsum(ones[96]), [3, 4, 8])), y: [0, 1, 2] }))
}
