//! Multiply-accumulates, by convention. The plain name is an error: import one, or write `macs.core`. All are sums of one itemised
//! count of the inference graph, `items(net)`; what depends on weights alone is the item `setup`, and no convention counts it.
// Items: conv, linear, matmul (a product of two things that come in); elements of conv_bias, linear_bias, batch_norm (and
// batch_norm_affine of those with scale and shift), layer_norm (likewise), activation, softmax; elements that go into and come out of
// avg_pool, max_pool and global_pool.

/// One a weight used: convolutions, linear layers, products of attention. Biases, norms, activations and pooling count nothing.
fn core(net: Net, on: [Int]? = none) -> Macs { cost_of(net, { conv: 1, linear: 1, matmul: 1 }, on: on, by: "core") }
/// As NAS-Bench-201 and NATS-Bench print: core, and one for each output of a linear layer with bias.
fn nats(net: Net, on: [Int]? = none) -> Macs { cost_of(net, { conv: 1, linear: 1, matmul: 1, linear_bias: 1 }, on: on, by: "nats") }
/// fvcore's FlopCountAnalysis: batch norm 2 an element (1 without scale and shift), layer norm 5 (4), global pooling 1 an input.
fn fvcore(net: Net, on: [Int]? = none) -> Macs {
  cost_of(net, { conv: 1, linear: 1, matmul: 1, batch_norm: 1, batch_norm_affine: 1, layer_norm: 4, layer_norm_affine: 1, global_pool_in: 1 }, on: on, by: "fvcore")
}
/// thop, of version 0.1 on: norms 4 an element (2 without scale and shift), average pooling 1 an output, global pooling 1 an input and
/// 1 an output. Functions are not seen by it: attention's products count nothing.
fn thop(net: Net, on: [Int]? = none) -> Macs {
  cost_of(net, { conv: 1, linear: 1, batch_norm: 2, batch_norm_affine: 2, layer_norm: 2, layer_norm_affine: 2, avg_pool_out: 1, global_pool_in: 1, global_pool_out: 1 }, on: on, by: "thop")
}
/// thop before version 0.1, in which many published figures were taken: norms 2 an element.
fn thop_0_0(net: Net, on: [Int]? = none) -> Macs {
  cost_of(net, { conv: 1, linear: 1, batch_norm: 2, layer_norm: 2, avg_pool_out: 1, global_pool_in: 1, global_pool_out: 1 }, on: on, by: "thop_0_0")
}
/// ptflops with its `pytorch` backend: biases, norms 2 an element (1 without scale and shift), activations 1, any pooling 1 an input.
fn ptflops(net: Net, on: [Int]? = none) -> Macs {
  cost_of(net, { conv: 1, linear: 1, matmul: 1, conv_bias: 1, linear_bias: 1, batch_norm: 1, batch_norm_affine: 1, layer_norm: 1, layer_norm_affine: 1, activation: 1,
    avg_pool_in: 1, max_pool_in: 1, global_pool_in: 1 }, on: on, by: "ptflops")
}
/// ptflops with its `aten` backend: products of matrices and convolutions only, as `core`.
fn ptflops_aten(net: Net, on: [Int]? = none) -> Macs { cost_of(net, { conv: 1, linear: 1, matmul: 1 }, on: on, by: "ptflops_aten") }

test "what depends on weights alone is set-up" {
  let f = net(x: [n, 8]) {
    param a: [16, 4] ~ normal(0, 1)
    param b: [4, 8] ~ normal(0, 1)
    contract("n d, o d -> n o", x, contract("o k, k d -> o d", a, b))
  }
  expect core(f) == 8 * 16 and cost_items(f).setup == 16 * 4 * 8
}
test "conventions of one small net" {
  let f = net(x: [n, 3, 8, 8]) { x |> conv2d(4, 3, stride: 2) |> batch_norm |> relu |> avg_pool2d(2, stride: 2) |> mean(over: [2, 3]) |> linear(10) }
  let c = 4 * 27 * 16 + 40
  expect core(f) == c and nats(f) == c + 10 and ptflops_aten(f) == c
  expect fvcore(f) == c + 2 * 64 + 16
  expect thop(f) == c + 4 * 64 + 16 + 16 + 4 and thop_0_0(f) == c + 2 * 64 + 16 + 16 + 4
  expect ptflops(f) == c + 64 + 10 + 2 * 64 + 64 + 64 + 16
}
test "two conventions are not compared, and units are kept apart" {
  let f = net(x: [n, 8]) { x |> linear(4) }
  expect rejected { core(f) <= nats(f) } and rejected { core(f) <= 5M params } and rejected { params(f) == core(f) }
  expect nats(f) - core(f) == 4
}
