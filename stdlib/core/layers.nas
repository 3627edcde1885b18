//! Layers: all in Nas on the intrinsics.

let pi = 3.141592653589793
let same = "same"
let valid_padding = "valid"
let circular = "circular"

// ---------------------------------------------------------------- starting values: functions of the shape
/// He et al. 2015; `fan` is the number of inputs of one output.
fn kaiming_uniform(a: Float = 0, fan: Int? = none)(shape: [Int]) -> Tensor {
  let inputs = fan else fan_in(shape)
  let bound = sqrt(2 / (1 + a ^ 2)) * sqrt(3 / inputs)
  let u ~ uniform(0, 1)[..shape]
  (u * 2 - 1) * bound
}
fn kaiming_normal(a: Float = 0, fan: Int? = none)(shape: [Int]) -> Tensor {
  let inputs = fan else fan_in(shape)
  let z ~ normal[..shape]
  z * sqrt(2 / (1 + a ^ 2) / inputs)
}
fn fan_in(shape: [Int]) -> Int { product(shape[1..]) }
fn product(xs: [Int]) -> Int { exp_product(xs) }
fn exp_product(xs: [Int]) -> Int { if len(xs) == 0 { 1 } else { 1 |> repeat xs as x { p => p * x } } }

// ---------------------------------------------------------------- layers
block identity(x: [..s]) -> [..s] { x }
/// Zeros of the input's shape; its gradient is none.
block zero(x: [..s]) -> [..s] { x * 0 }
block relu(x: [..s]) -> [..s] { tally("activation", rectify(x)) }
block relu6(x: [..s]) -> [..s] { tally("activation", min(rectify(x), 6)) }
block leaky_relu(slope: Float = 0.01)(x: [..s]) -> [..s] { tally("activation", max(x, slope * x)) }
block gelu(x: [..s]) -> [..s] { tally("activation", 0.5 * x * (1 + erf(x * sqrt(0.5)))) }
block hard_swish(x: [..s]) -> [..s] { tally("activation", x * clamp(x + 3, 0, 6) / 6) }
block hard_sigmoid(x: [..s]) -> [..s] { tally("activation", clamp(x + 3, 0, 6) / 6) }
/// 1 / (1 + exp(-x)) as a block; `sigmoid` is the function.
block logistic(x: [..s]) -> [..s] { tally("activation", sigmoid(x)) }
block swish(x: [..s]) -> [..s] { tally("activation", x * sigmoid(x)) }
block mish(x: [..s]) -> [..s] { tally("activation", x * tanh(log(1 + exp(min(x, 20))))) }

/// Convolution of height and width; `padding: same` keeps them at stride 1.
block conv2d(out: Int, k: Int, stride: Int = 1, groups: Int = 1, dilation: Int = 1, padding: Padding = same, bias: Bool = true)(x: [n, c, h, w]) -> [n, out, _, _] {
  param weight: [out, c / groups, k, k] ~ kaiming_uniform(a: sqrt(5))
  let y = x |> pad2d(padding, k, dilation) |> conv(weight, stride, groups, dilation)
  if bias {
    param b: [out, 1, 1] ~ kaiming_uniform(a: sqrt(5), fan: c / groups * k * k)
    tally("conv_bias", y + b)
  } else { y }
}
block dw_conv2d(k: Int, stride: Int = 1, bias: Bool = false)(x: [n, c, h, w]) -> [n, c, _, _] { x |> conv2d(c, k, stride, groups: c, bias: bias) }
block linear(out: Int, bias: Bool = true)(x: [..s, d]) -> [..s, out] {
  param weight: [out, d] ~ kaiming_uniform(a: sqrt(5))
  let y = contract("... d, o d -> ... o", x, weight)
  if bias {
    param b: [out] ~ kaiming_uniform(a: sqrt(5), fan: d)
    tally("linear_bias", y + b)
  } else { y }
}
/// Ioffe and Szegedy 2015. Batch statistics at train, running ones at infer; `momentum` is the share of the new batch.
block batch_norm(eps: Float = 1e-5, momentum: Float = 0.1, affine: Bool = true)(x: [n, c, h, w]) -> [n, c, h, w] {
  state running_mean: [1, c, 1, 1] = 0
  state running_var: [1, c, 1, 1] = 1
  tap batch_mean = mean(x, over: [n, h, w], keep: true)
  tap batch_var = var(x, over: [n, h, w], keep: true)
  let (m, v) = at train { (batch_mean, batch_var) } at infer { (running_mean, running_var) }
  at train {
    running_mean := lerp(running_mean, batch_mean, momentum)
    running_var := lerp(running_var, batch_var * (n * h * w) / (n * h * w - 1), momentum)
  }
  let y = tally("batch_norm", (x - m) / sqrt(v + eps))
  if affine {
    param scale: [1, c, 1, 1] = 1
    param shift: [1, c, 1, 1] = 0
    tally("batch_norm_affine", y * scale + shift)
  } else { y }
}
block layer_norm(eps: Float = 1e-6)(x: [..s, d]) -> [..s, d] {
  param scale: [d] = 1
  param shift: [d] = 0
  let y = tally("layer_norm", (x - mean(x, over: d, keep: true)) / sqrt(var(x, over: d, keep: true) + eps))
  tally("layer_norm_affine", y * scale + shift)
}
block dropout(rate: Rate)(x: [..s]) -> [..s] {
  at train {
    let keep ~ bernoulli(1 - rate)[..s]
    x * keep / (1 - rate)
  } at infer { x }
}
/// Stochastic depth (Huang et al. 2016): one draw a sample, what is left is scaled up; inference is the identity.
block drop_path(rate: Rate)(x: [n, ..s]) -> [n, ..s] {
  at train {
    let keep ~ bernoulli(1 - rate)[n, ..[1 for i in s]]
    x * keep / (1 - rate)
  } at infer { x }
}
block avg_pool2d(k: Int, stride: Int = 1, padding: Int = -1, count_padding: Bool = false)(x: [n, c, h, w]) -> [n, c, _, _] {
  x |> avg_pool(k, stride, if padding >= 0 { padding } else if stride == 1 { (k - 1) / 2 } else { 0 }, count_padding)
}
block max_pool2d(k: Int, stride: Int = 1, padding: Int = -1)(x: [n, c, h, w]) -> [n, c, _, _] {
  x |> max_pool(k, stride, if padding >= 0 { padding } else { floor((k - 1) / 2) })
}
block residual(body: Block)(x: [..s]) -> [..s] { x + body(x) }
