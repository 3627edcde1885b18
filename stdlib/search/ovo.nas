//! OVO (2022): a one-shot vision transformer space distilled online, with sub-nets sampled from both the student's and the
//! teacher's space. Only the abstract is public: the loop is specified here, every constant is ours.
use search.{samplers, sharing, train}
use std.cost.macs.core as macs

/// The heads' queries, keys and values lie side by side, so that fewer heads read the first ones.
block attention(heads: Int, head_dim: Int = 16)(x: [n, t, d]) -> [n, t, d] {
  let (q, k, v) = x |> linear(3 * heads * head_dim) |> rearrange("n t (h s e) -> s n h t e", h: heads, s: 3)
  let a = softmax(contract("n h t e, n h u e -> n h t u", q, k) / sqrt(head_dim))
  contract("n h t u, n h u e -> n h t e", a, v) |> rearrange("n h t e -> n t (h e)") |> linear(d)
}
block mlp(hidden: Int)(x: [n, t, d]) -> [n, t, d] { x |> linear(hidden) |> gelu |> linear(d) }
block pre_norm(body: Block)(x: [..s, d]) -> [..s, d] { x + (x |> layer_norm |> body) }

/// AutoFormer in small: width, depth, and heads and ratio of each layer. Pooled by the mean; with `token` by a class token, as AutoFormer is.
space small_vit(classes: Int = 10, dims: [Int] = [32, 48, 64], depths: Range = 3..=5, ratios: [Int] = [2, 3], head_counts: [Int] = [2, 4], side: Int = 16, patch: Int = 4, token: Bool = false) {
  let dim = choose dims
  let depth = choose depths
  let layers = [{ ratio: choose ratios, heads: choose head_counts } for layer in 0..depth]
  net(x: [n, 3, side, side]) -> [n, classes] {
    param pos: [1, (side / patch) * (side / patch), dim] ~ trunc_normal(0.02)
    let p = (x |> conv2d(dim, patch, stride: patch, padding: valid_padding) |> rearrange("n d h w -> n (h w) d")) + pos
    let z = if token { p |> with_token } else { p }
    let y = z |> repeat layers as l { pre_norm { attention(l.heads) } |> pre_norm { mlp(l.ratio * dim) } } |> layer_norm
    tap last = if token { y |> take(0, over: 1) } else { mean(y, over: 1) }
    last |> linear(classes)
  }
}
/// A learned token before the others.
block with_token(x: [n, t, d]) -> [n, t + 1, d] {
  param cls: [1, 1, d] ~ trunc_normal(0.02)
  concat([expand(cls, n), x], over: 1)
}
block conv_bn(out: Int, stride: Int = 1)(x: [n, c, h, w]) -> [n, out, _, _] { x |> conv2d(out, 3, stride: stride, bias: false) |> batch_norm |> relu }
/// Three stages of convolutions at 1/2, 3/4 or all of their channels, once or twice.
space elastic_cnn(classes: Int = 10, side: Int = 16, width: Int = 4) {
  let quarters = [choose [2, 3, 4] for s in 0..3]
  let depth = [choose [1, 2] for s in 0..3]
  net(x: [n, 3, side, side]) -> [n, classes] {
    tap last = mean(x |> conv_bn(width * quarters[0]) |> repeat depth[0] - 1 { conv_bn(width * quarters[0]) }
        |> conv_bn(2 * width * quarters[1], stride: 2) |> repeat depth[1] - 1 { conv_bn(2 * width * quarters[1]) }
        |> conv_bn(4 * width * quarters[2], stride: 2) |> repeat depth[2] - 1 { conv_bn(4 * width * quarters[2]) }, over: [2, 3])
    last |> linear(classes)
  }
}

/// Proved: for every teacher of the one space and every student of the other, what is matched has one shape.
distill online(teacher: Net, student: Net, alpha: Rate = 0.5, tau: Float = 2) {
  match student.out to teacher.out with kl(temperature: tau) weight alpha
  label cross_entropy weight 1 - alpha
}
/// The same with the pooled features, brought to the teacher's width.
distill with_features(teacher: Net{last}, student: Net{last}, alpha: Rate = 0.5, tau: Float = 2, hint: Float = 0.1) {
  match student.out to teacher.out with kl(temperature: tau) weight alpha
  match student.last |> adapter linear(teacher.last.c) to teacher.last with mse weight hint
  label cross_entropy weight 1 - alpha
}

/// Hard labels, as in DeiT: the teacher's choice is a second label.
distill hard(teacher: Net, student: Net, alpha: Rate = 0.5) {
  match student.out to teacher.out with hard_label weight alpha
  label cross_entropy weight 1 - alpha
}
loss hard_label(z: [n, c], t: [n, c]) -> Float { -mean(sum(one_hot(argmax(stop(t), over: 1), c) * log_softmax(z), over: 1)) }

/// Who meets whom: independent draws;
fn independent(t: Space, s: Space) -> { teacher: Arch, student: Arch } { { teacher: ~by_site(t), student: ~by_site(s) } }
/// always the largest teacher;
fn largest_teacher(t: Space, s: Space) -> { teacher: Arch, student: Arch } { { teacher: largest(t), student: ~by_site(s) } }
/// or both from one of some slices of equal cost, which shrinks the gap between them.
fn matched(slices: [{ teacher: Space, student: Space }])(t: Space, s: Space) -> { teacher: Arch, student: Arch } {
  let q ~ uniform(slices)
  { teacher: ~by_site(q.teacher), student: ~by_site(q.student) }
}
fn slices(t: Space, s: Space, bins: Int = 3) -> [{ teacher: Space, student: Space }] {
  let a = range(macs(t))
  let b = range(macs(s))
  [{
    teacher: t where macs in a.low + (a.high - a.low) * q / bins ..= a.low + (a.high - a.low) * (q + 1) / bins,
    student: s where macs in b.low + (b.high - b.low) * q / bins ..= b.low + (b.high - b.low) * (q + 1) / bins,
    } for q in 0..bins]
}
fn largest(space: Space) -> Arch { space.build(s => last(s.options)) }

/// The teacher learns in the same loop; both steps see the weights of the turn's start. `mutual` lets it learn from the student too. `by` is what the student
/// learns by: `online`, or `hard` for the teacher's choice as a label.
trainer ovo(teacher: Space, student: Space, data: Data, roles: (Space, Space) -> { teacher: Arch, student: Arch } = independent, epochs: Epochs = 30, alpha: Rate = 0.5, mutual: Rate = 0, batch: Int = 64, teach: Optimiser = sgd(cosine(0.05 -> 1e-3), momentum: 0.9, decay: 5e-4), learn: Optimiser = adamw(cosine(1e-3 -> 1e-5), decay: 0.05), by: Any = online) -> { teacher: Weights, student: Weights } {
  weights wt = init(teacher, entangled)
  weights ws = init(student, entangled)
  for (x, y) in data.batches(batch, epochs: epochs) {
    let r ~ roles(teacher, student)
    let t = teacher[r.teacher, wt]
    let s = student[r.student, ws]
    minimise online(s, t, mutual)(x, y) over wt by teach
    minimise by(t, s, alpha)(x, y) over ws by learn
  }
  { teacher: wt, student: ws }
}

/// The variant with a teacher's space that was trained before, by `single_path_training` with `entangled` weights, and stays as it is. Its nets see each batch's own statistics,
/// as they did in their training: one running mean does not fit all members. `by` is a distillation of a teacher and a student, `online` or `hard`.
trainer ovo_frozen(teacher: Space, taught: Weights, student: Space, data: Data, roles: (Space, Space) -> { teacher: Arch, student: Arch } = independent, epochs: Epochs = 30, alpha: Rate = 0.5, batch: Int = 64, by: Any = online, learn: Optimiser = adamw(cosine(1e-3 -> 1e-5), decay: 0.05)) -> Weights {
  weights ws = init(student, entangled)
  for (x, y) in data.batches(batch, epochs: epochs) {
    let r ~ roles(teacher, student)
    let t = teacher[r.teacher, taught] at train
    minimise by(t, student[r.student, ws], alpha)(x, y) over ws by learn
  }
  ws
}

test "sizes" {
  // 3 widths; 4 ^ depth layers.
  expect size(small_vit) == 3 * (4 ^ 3 + 4 ^ 4 + 4 ^ 5) and size(elastic_cnn) == 6 ^ 3
  expect all(len(a.layers) == a.depth for a in sample(small_vit, 10))
}
test "every pair of a teacher and a student fits" {
  let kd = online(elastic_cnn, small_vit)
  expect not rejected { kd(ones[2, 3, 16, 16], [0, 1]) }
  let features = with_features(elastic_cnn, small_vit)
  expect not rejected { features(ones[2, 3, 16, 16], [0, 1]) }
  expect rejected { online(elastic_cnn(classes: 100), small_vit)(ones[2, 3, 16, 16], [0, 1]) }
}
test "a class token in place of the mean" {
  let (mean_of, by_token) = (small_vit(), small_vit(token: true))
  // A token a width, and nothing else; one token more to attend to.
  expect size(by_token) == size(mean_of) and min(params(by_token)) - min(params(mean_of)) == 32 and max(params(by_token)) - max(params(mean_of)) == 64
  expect all(macs(by_token[a]) > macs(mean_of[a]) for a in sample(mean_of, 3))
}
test "a frozen teacher is not touched, and teaches either way" {
  let d = data.generated(64, test: 4)
  let (t, s) = (elastic_cnn(width: 2), small_vit(dims: [8, 16], depths: 1..=2))
  let w = single_path_training(t, d, entangled, sgd(constant(0.01)), 1, seed: 1)
  let before = t[largest(t), w](ones[1, 3, 16, 16])
  let soft = ovo_frozen(t, w, s, d, epochs: 1, batch: 32, seed: 2)
  let stiff = ovo_frozen(t, w, s, d, roles: largest_teacher, epochs: 1, batch: 32, by: hard, seed: 2)
  expect all(t[largest(t), w](ones[1, 3, 16, 16]) - before == 0)
  expect finite(s[largest(s), soft](ones[1, 3, 16, 16])) and any(s[largest(s), soft](ones[1, 3, 16, 16]) - s[largest(s), stiff](ones[1, 3, 16, 16]) != 0)
}
test "slices of equal cost: a teacher and a student from the same third" {
  let (t, s) = (elastic_cnn(), small_vit())
  let (a, b) = (range(macs(t)), range(macs(s)))
  let third = (r, m) => min(2, floor(3 * (m - r.low) / (r.high - r.low)))
  let meetings = [(~matched(slices(t, s))(t, s)) for i in 0..12]
  expect all(abs(third(a, macs(t[m.teacher])) - third(b, macs(s[m.student]))) < 1 for m in meetings)
}
test "a hard label is the teacher's choice" {
  expect hard_label([[0.0, 0], [2.0, 0]], [[1.0, -1], [3.0, 1]]) == (log(2) + log(1 + exp(-2))) / 2 within 1e-6
  expect not rejected { hard(elastic_cnn, small_vit)(ones[2, 3, 16, 16], [0, 1]) }
}
distill unadapted(teacher: Net{last}, student: Net{last}) { match student.last to teacher.last with mse }
test "features of different widths need an adapter" {
  expect rejected { unadapted(elastic_cnn, small_vit)(ones[2, 3, 16, 16], [0, 1]) }
}
test "a student that agrees with its teacher pays for the label alone" {
  let z = [[1.0, 2, 3], [0.5, 0, 1]]
  expect kl(temperature: 4)(z, z) == 0 within 1e-6
  expect kl()([[0.0, 0]], [[1.0, -1]]) == 0.3275 within 1e-3
  expect mse([1.0, 2], [3.0, 2]) == 2
}
