//! What a net costs besides MACs: operations on bits, bytes of weights, memory of what flows through it.

/// MACs times the bits of weights and of activations. Each is one number, or a list with one number for each layer that has weights
/// (convolutions and linear layers, in order); any of them may be open.
fn bitops(net: Net, weights: Any = 8, activations: Any = 8, on: [Int]? = none) -> BitOps {
  sum(l.macs * l.bits * l.activation_bits for l in layers(net, weights: weights, activations: activations, on: on))
}
/// Bytes of the weights at some bits a weight, each layer rounded up to whole bytes. Biases and norms stay at `rest` bits.
fn model_bytes(net: Net, weights: Any = 32, rest: Int = 32, on: [Int]? = none) -> Bytes {
  let all = layers(net, weights: weights, on: on)
  let others = cost_of(net, { params: 1 }, on: on) / (1 params) - sum(l.weights for l in all)
  sum(ceil(l.weights * l.bits / 8) for l in all) + ceil(others * rest / 8)
}
/// The most that is alive at once while one input goes through at inference: a buffer lives from the step that fills it to the last that
/// reads it, a point-wise step writes over an operand that ends there, views and zero padding take nothing; weights are apart.
fn memory(net: Net, on: [Int]? = none, bits: Int = 32) -> Bytes { ceil(peak_elements(net, on: on) * bits / 8) }

test "bits, bytes and memory of a small net" {
  let f = net(x: [n, 3, 8, 8]) { x |> conv2d(4, 3, bias: false) |> relu |> mean(over: [2, 3]) |> linear(10) }
  expect [l.macs for l in layers(f)] == [4 * 27 * 64, 40] and [l.weights for l in layers(f)] == [108, 40]
  expect bitops(f, [2, 8], 4) == 4 * 27 * 64 * 2 * 4 + 40 * 8 * 4
  expect model_bytes(f, [2, 8]) == 27 + 40 + 4 * 10 and model_bytes(f) == 4 * 158
  expect memory(f) == 4 * (3 + 4) * 64
}
test "bits that are open" {
  let f = net(x: [n, 3, 8, 8]) { x |> conv2d(4, 3, bias: false) |> relu |> mean(over: [2, 3]) |> linear(10) }
  expect size(widths where bitops(f, b, 4) <= 90_000) == 3 and size(widths where model_bytes(f, b) <= 90 bytes) == 2
}
/// Bits for two layers.
space widths {
  let b = [choose [2, 4, 8] for layer in 0..2]
  value b
}
