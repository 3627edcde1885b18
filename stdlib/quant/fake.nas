//! Simulated quantisation: values on a grid of 2^b levels, kept as floats; gradients pass straight through (Bengio et al. 2013).

/// To the nearest of the levels -q..q times `scale`, q = 2^(bits - 1) - 1: symmetric, for weights.
fn on_grid(w: Tensor, bits: Int, scale: Tensor) -> Tensor {
  let q = 2 ^ (bits - 1) - 1
  surrogate(clamp(round(stop(w) / scale), -q, q) * scale, via: w)
}
/// The largest magnitude is the last level; one scale a tensor. 32 bits and more leave the weight as it is.
fn min_max(w: Tensor, bits: Int) -> Tensor {
  if bits >= 32 { w } else { on_grid(w, bits, max(max(abs(stop(w))), 1e-12) / (2 ^ (bits - 1) - 1)) }
}
/// One scale for each of the first axis's channels.
fn channelwise(w: [o, ..s], bits: Int) -> Tensor {
  if bits >= 32 { w } else {
    let top = max(abs(flatten(stop(w), from: 1)), over: 1)
    on_grid(w, bits, reshape(max(top, 1e-12), [o] ++ [1 for e in s]) / (2 ^ (bits - 1) - 1))
  }
}
/// Of clipping at 100, 95 … 5 per cent of the largest magnitude, the one with the least squared error.
fn least_error(w: Tensor, bits: Int) -> Tensor {
  if bits >= 32 { w } else {
    let top = max(max(abs(stop(w))), 1e-12)
    let tries = [on_grid(w, bits, top * (1 - 0.05 * i) / (2 ^ (bits - 1) - 1)) for i in 0..20]
    let error = concat([reshape(mean((stop(t) - stop(w)) ^ 2), [1]) for t in tries])
    let best = one_hot(argmin(error), 20)
    surrogate(sum(stop(t) * best[i] for (t, i) in enumerate(tries)), via: w)
  }
}
/// For activations that are not negative: 2^bits levels from 0 to `top`, the batch's maximum where no range is given.
fn unsigned(x: Tensor, bits: Int, top: Float? = none) -> Tensor {
  if bits >= 32 { x } else {
    let scale = max(top else max(stop(x)), 1e-12) / (2 ^ bits - 1)
    surrogate(clamp(round(stop(x) / scale), 0, 2 ^ bits - 1) * scale, via: x)
  }
}
/// Rectified, then on the grid.
block quantised_relu(bits: Int, top: Float? = none)(x: [..s]) -> [..s] { tally("activation", unsigned(rectify(x), bits, top)) }

/// The layers that are quantised, in order: convolutions and linear layers.
fn layers_of(net: Net) -> [Tensor] { [b.weight for b in net.all(conv2d, linear)] }
fn rounded_by(how: Text, w: Tensor, bits: Int) -> Tensor {
  if how == "least_error" { least_error(w, bits) } else if how == "channelwise" { channelwise(w, bits) } else { min_max(w, bits) }
}
/// A net whose layer i has weights of `bits[i]`, and whose activations have `activations` bits behind every relu (32: as they are).
fn quantised(net: Net, bits: [Int], activations: Int = 32, how: Text = "min_max") -> Net {
  let place = positions(net)
  let by_weight = net with {
    conv2d as c, i: c with { weight: w => rounded_by(how, w, bits[place.conv[i]]) },
    linear as l, i: l with { weight: w => rounded_by(how, w, bits[place.linear[i]]) },
  }
  if activations >= 32 { by_weight } else { by_weight with { relu: quantised_relu(activations) } }
}
/// Where the convolutions and where the linear layers stand among all layers.
fn positions(net: Net) -> { conv: [Int], linear: [Int] } {
  let all = [b.path for b in net.all(conv2d, linear)]
  { conv: [position(b.path, in: all) for b in net.all(conv2d)], linear: [position(b.path, in: all) for b in net.all(linear)] }
}

/// Bits of all weights.
fn size_in_bits(counts: [Int], bits: [Int]) -> Int { sum(n * b for (n, b) in zip(counts, bits)) }
/// Multiply-accumulates of each layer times the bits of both factors.
fn bit_operations(macs: [Int], bits: [Int], activations: Int = 8) -> Int { sum(m * b * activations for (m, b) in zip(macs, bits)) }

test "grids by hand" {
  // 3 bits: levels -3..3 times 1 / 3.
  let w = reshape(cumsum(ones[5]) - 3, [5]) / 2
  expect all(abs(x) < 1e-6 for x in 3 * min_max(w, 3) - round(3 * w))
  expect all(min_max(w, 32) - w == 0)
  expect count(distinct([round(x, to: 1e-6) for x in min_max(cumsum(ones[100]) - 50, 2)])) == 3
}
test "a finer grid and a better clip err less" {
  let w = sin(3 * cumsum(ones[200])) ^ 3
  let error = q => mean((q - w) ^ 2)
  expect error(min_max(w, 4)) < error(min_max(w, 3)) and error(min_max(w, 3)) < error(min_max(w, 2))
  expect error(least_error(w, 2)) <= error(min_max(w, 2)) and error(least_error(w, 3)) <= error(min_max(w, 3))
}
test "gradients pass straight through" {
  expect grad(sum(min_max(a, 2) * 3), a) at a = [0.3, -1.0] == [3, 3]
}
test "a net keeps its weights, on the grids of its layers" {
  let plain = net(x: [n, 3, 8, 8]) { x |> conv2d(4, 3, bias: false) |> relu |> conv2d(4, 3, bias: false) |> relu |> mean(over: [2, 3]) |> linear(2) }
  let trained = plain[init(plain)]
  let x = ones[1, 3, 8, 8]
  expect positions(trained).conv == [0, 1] and positions(trained).linear == [2]
  expect all(quantised(trained, [32, 32, 32])(x) - trained(x) == 0)
  expect any(quantised(trained, [32, 32, 32], activations: 2)(x) - trained(x) != 0)
  let (kept, coarse, fine) = layers_of(quantised(trained, [32, 2, 3]))
  expect all(kept - layers_of(trained)[0] == 0)
  expect count(distinct([round(v, to: 1e-6) for v in flatten(coarse, from: 0)])) == 3
  expect count(distinct([round(v, to: 1e-6) for v in flatten(fine, from: 0)])) <= 7
}
test "sizes" { expect size_in_bits([10, 20], [8, 2]) == 120 and bit_operations([10, 20], [8, 2]) == 960 }
