//! Losses, schedules, optimisers, costs that everything uses.

// ---------------------------------------------------------------- losses
/// Mean over the batch of -log softmax(z)[y].
loss cross_entropy(z: [n, c], y: [n] of Label[c]) -> Float { -mean(pick_class(log_softmax(z), y)) }
/// One value a sample.
loss cross_entropy_each(z: [n, c], y: [n] of Label[c]) -> [n] { -pick_class(log_softmax(z), y) }
/// -sum softmax(t) log softmax(z), mean over the batch; the teacher's side is stopped.
loss soft_cross_entropy(z: [n, c], t: [n, c]) -> Float { -mean(sum(softmax(stop(t)) * log_softmax(z), over: 1)) }
/// Hinton et al. 2015: tau^2 sum p_t log(p_t / p_s), mean over the batch, at a temperature; the teacher's side is stopped.
loss kl(temperature: Float = 1)(z: [n, c], t: [n, c]) -> Float {
  let teacher = log_softmax(stop(t) / temperature)
  temperature ^ 2 * mean(sum(exp(teacher) * (teacher - log_softmax(z / temperature)), over: 1))
}
/// Mean squared difference.
loss mse(x: [..s], t: [..s]) -> Float { mean((x - t) ^ 2) }

// ---------------------------------------------------------------- gradient paths, all on `surrogate`
/// The value forward; the gradient as if `via` stood there.
fn straight_through(value: Tensor, via: Tensor) -> Tensor { surrogate(value, via: via) }
/// Rounded forward; the gradient passes unchanged.
fn round_through(x: Tensor) -> Tensor { surrogate(round(x), via: x) }
/// Between two bounds; the gradient passes also where the bound holds, so that a value can come back.
fn clamp_through(x: Tensor, low: Float, high: Float) -> Tensor { surrogate(clamp(x, low, high), via: x) }

// ---------------------------------------------------------------- schedules
/// The same at all times: a number, or a record of settings.
schedule constant(value) at now = value
/// Half a cosine from one value to another, stepwise.
schedule cosine(course: Course) at now = course.high + (course.low - course.high) * (1 + cos(pi * now.fraction)) / 2
/// A straight rise to the schedule's first value over a share of the training, then the schedule over what is left.
schedule warmup(share: Rate, then: Schedule) at now = if now.fraction < share { then(now) * (now.step + 1) / (share * now.steps) } else { then(now) }
schedule linear_course(course: Course) at now = course.low + (course.high - course.low) * now.fraction

// ---------------------------------------------------------------- optimisers
/// A rule: new parameter and states from parameter, gradient and states. Rules are records, so that a library can make more.
fn sgd(lr: Schedule, momentum: Float = 0, decay: Float = 0, nesterov: Bool = false, clip: Float? = none) -> Optimiser {
  {
    states: if momentum == 0 { {} } else { { velocity: 0 } },
    before: if clip is none { none } else { gs => clipped(gs, clip) },
    update: (p, g, s) => {
      let d = if decay == 0 { g } else { g + decay * p }
      if momentum == 0 { { p: p - lr(now) * d } } else {
        let v = momentum * s.velocity + d
        { p: p - lr(now) * (if nesterov { d + momentum * v } else { v }), velocity: v }
      }
    },
  }
}
/// Kingma and Ba 2015; decoupled decay as in Loshchilov and Hutter 2019.
fn adamw(lr: Schedule, b1: Float = 0.9, b2: Float = 0.999, eps: Float = 1e-8, decay: Float = 0, clip: Float? = none) -> Optimiser {
  {
    states: { m: 0, v: 0 },
    before: if clip is none { none } else { gs => clipped(gs, clip) },
    update: (p, g, s) => {
      let t = now.step + 1
      let m = b1 * s.m + (1 - b1) * g
      let v = b2 * s.v + (1 - b2) * g * g
      let step = m / (1 - b1 ^ t) / (sqrt(v / (1 - b2 ^ t)) + eps)
      { p: p - lr(now) * (step + decay * p), m: m, v: v }
    },
  }
}
fn adam(lr: Schedule, b1: Float = 0.9, b2: Float = 0.999, eps: Float = 1e-8) -> Optimiser { adamw(lr, b1, b2, eps) }
/// All gradients scaled so that their common norm is at most `limit`.
fn clipped(gs: [Tensor], limit: Float) -> [Tensor] {
  let total = sqrt(sum(sum(g * g) for g in gs))
  let factor = min(limit / (total + 1e-6), 1)
  [g * factor for g in gs]
}

// ---------------------------------------------------------------- costs and data
/// Trainable parameters, exact.
fn params(net: Net, on: [Int]? = none) -> Params { cost_of(net, { params: 1 }, on: on) }
/// Half the size by averaging 2 x 2 pixels.
fn halved(x: [n, c, h, w]) -> [n, c, _, _] { avg_pool(x, 2, stride: 2) }
/// Two columns, for a figure.
fn scatter(x: [Float], y: [Float]) -> Record { { x: x, y: y } }

test "optimisers know their rules" {
  expect cosine(0.1 -> 0)(step 0 of 10) == 0.1
  expect cosine(0.1 -> 0)(step 5 of 10) == 0.05 within 1e-12
  expect mean([1, 2, 3]) == 2
}
test "cross entropy of even scores is log of the classes" {
  expect cross_entropy(zeros[4, 10], [0, 3, 5, 9]) == 2.302585 within 1e-5
}
test "gradient paths" {
  expect grad(sum(round_through(a) * 3), a) at a = [1.4] == [3]
  expect grad(sum(clamp_through(a, 0, 1) * 2), a) at a = [1.4] == [2]
  expect sum(clamp_through(1.4 * ones[1], 0, 1)) == 1
}
