//! Zero-cost proxies: one batch, an untrained net. Higher is better, always; nets are values, so a proxy changes nothing.

/// Weights of convolutions and linear layers; biases and norms never count.
fn weights_of(net: Net) -> [Tensor] { [b.weight for b in net.all(conv2d, linear)] }

/// Lee et al. 2019: how much the loss would change without each weight.
proxy snip(net: Net, batch: { x: Tensor, y: Tensor }) -> Float {
  let ws = weights_of(net)
  sum(sum(abs(w * g)) for (w, g) in zip(ws, grad(cross_entropy(net(batch.x), batch.y), ws)))
}
/// Abdelfattah et al. 2021: the lengths of the loss's gradients, added up.
proxy grad_norm(net: Net, batch: { x: Tensor, y: Tensor }) -> Float {
  sum(norm(g) for g in grad(cross_entropy(net(batch.x), batch.y), weights_of(net)))
}
/// Wang et al. 2020: -w H g, by a gradient of a gradient.
proxy grasp(net: Net, batch: { x: Tensor, y: Tensor }) -> Float {
  let ws = weights_of(net)
  let gs = grad(cross_entropy(net(batch.x), batch.y), ws)
  let hg = grad(sum(sum(stop(g) * g) for g in gs), ws)
  -sum(sum(w * h) for (w, h) in zip(ws, hg))
}
/// Tanaka et al. 2020: double precision, all weights by absolute value, batch norm off, one input of ones.
proxy synflow(net: Net) -> Float {
  let linear_net = (net with { params: abs, batch_norm: identity }) as f64
  let ws = weights_of(linear_net)
  sum(sum(abs(w * g)) for (w, g) in zip(ws, grad(sum(linear_net(ones[1, ..net.input])), ws)))
}
/// Mellor et al. 2021: ln |det K|, K the number of units on which two samples agree.
proxy naswot(net: Net, batch: { x: Tensor, y: Tensor }) -> Float {
  let codes = [flatten(c.in > 0) as f64 for c in trace(net, batch.x).all(relu)]
  log_det(sum(contract("b u, c u -> b c", s, s) + contract("b u, c u -> b c", 1 - s, 1 - s) for s in codes))
}
/// Abdelfattah et al. 2021: correlation of the inputs' gradients; -sum(log(l + k) + 1 / (l + k)) over its eigenvalues.
proxy jacob_cov(net: Net, batch: { x: Tensor, y: Tensor }, k: Float = 1e-5) -> Float {
  let j = flatten(grad(sum(net(batch.x)), batch.x)) as f64
  let z = j - mean(j, over: 1, keep: true)
  let unit = z / norm(z, over: 1, keep: true)
  let l = eigenvalues(contract("b d, c d -> b c", unit, unit))
  -sum(log(l + k) + 1 / (l + k))
}
/// Lin et al. 2021: how much the features move when the input moves, plus the scale that batch norm hides.
proxy zen(net: Net, batch: Int = 16, repeats: Int = 4, eps: Float = 1e-2) -> Float { mean([~zen_once(net, batch, eps) for turn in 0..repeats]) }
fn zen_once(net: Net, batch: Int, eps: Float) -> Float {
  let raw = net with { residual: r => r.body, conv2d.weight: w => ~normal[..w.shape], linear.weight: w => ~normal[..w.shape] }
  let x ~ normal[batch, ..net.input]
  let d ~ normal[batch, ..net.input]
  let t = trace(raw at train, x)
  let moved = t.features - trace(raw at train, x + eps * d).features
  log(mean(sum(abs(moved), over: 1..), over: 0)) + sum(log(sqrt(mean(c.batch_var))) for c in t.all(batch_norm))
}

test "synflow of a chain of L layers is L times its output" {
  let chain = net(x: [n, 8]) { x |> repeat 3 { linear(8, bias: false) |> relu } }
  let r = sum((chain with { params: abs })(ones[1, 8]))
  expect synflow(chain) / r == 3 within 1e-4
}
test "a gradient's length by hand: one weight a class, the loss's slope is share less label" {
  let flat = net(x: [n, 1]) { x |> linear(2, bias: false) } with { linear.weight: w => zeros[..w.shape] }
  expect grad_norm(flat, { x: ones[1, 1], y: [0] }) == sqrt(0.5) within 1e-6
}
