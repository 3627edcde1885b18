//! EMQ (Dong et al., ICCV 2023): evolve the formula that predicts a quantised net's accuracy from its bits, weights and gradients.
//! A formula is a member of a space: it takes a net's statistics and gives one number a layer; its score of a bit configuration is the
//! mean over layers of bits times that number. What a formula cannot do is a reason, not an error: `why` is "" or says why not.
use search.proxies

// ---------------------------------------------------------------- bit widths
/// Section 3.1: a bit width for each layer, the first and the last at `ends`. `counts` are weights a layer, `macs` multiply-accumulates;
/// `most_bits` bounds the size, `most_bops` the bit operations with activations of `activations` bits; 0 leaves either open.
space bit_widths(counts: [Int], macs: [Int], options: [Int] = [2, 3, 4], ends: Int = 8, activations: Int = 8, most_bits: Int = 0, most_bops: Int = 0) {
  let free = [choose options for layer in counts[1..len(counts) - 1]]
  encoding "{free join}"
  value [ends] ++ free ++ [ends]
  where most_bits == 0 or sum(n * b for (n, b) in zip(counts[1..len(counts) - 1], free)) <= most_bits - ends * (counts[0] + last(counts))
  where most_bops == 0 or sum(m * b for (m, b) in zip(macs[1..len(macs) - 1], free)) * activations <= most_bops - ends * activations * (macs[0] + last(macs))
}

// ---------------------------------------------------------------- statistics: one tensor a layer
/// Outputs of layers, weights, gradients of the loss, gradients of the summed outputs for an input of ones, and the curvature's diagonal
/// by Hutchinson's estimate. All layers with weights, in order.
search statistics(net: Net, batch: { x: Tensor, y: Tensor }, probes: Int = 2) -> Record {
  let ws = weights_of(net)
  let gs = grad(cross_entropy(net(batch.x), batch.y), ws)
  let turns = [[(~rademacher[..size(w)]) for w in ws] for turn in 0..probes]
  let products = [grad(sum(sum(g * z) for (g, z) in zip(gs, zs)), ws) for zs in turns]
  {
    act: [c.out for c in trace(net, batch.x).all(conv2d, linear)],
    weight: ws,
    grad: gs,
    virtual_grad: grad(sum(net(ones[1, ..net.input])), ws),
    hessian: [mean_of([zs[i] * hs[i] for (zs, hs) in zip(turns, products)]) for i in 0..len(ws)],
  }
}
fn mean_of(ts: [Tensor]) -> Tensor { sum(t for t in ts) / len(ts) }

// ---------------------------------------------------------------- primitives
fn number_of(x: Tensor) -> Bool { len(size(x)) == 0 }
fn spread(x: Tensor) -> Tensor { sqrt(mean((x - mean(x)) ^ 2)) }
let statistic = { act: s => s.act, grad: s => s.grad, weight: s => s.weight, virtual_grad: s => s.virtual_grad }
/// In the released order; a number in place of a tensor is one element along axis 0.
let unary = {
  log: x => log(x),
  log_abs: x => log(abs(x)),
  abs: x => abs(x),
  square: x => x * x,
  exp: x => exp(x),
  standardise: x => (x - mean(x)) / spread(x),
  relu: x => rectify(x),
  reciprocal: x => 1 / x,
  frobenius: x => norm(x),
  sum_per_size: x => mean(x),
  l1: x => mean(abs(x)),
  softmax: x => if number_of(x) { x * 0 + 1 } else { softmax(x, over: 0) },
  sigmoid: x => sigmoid(x),
  log_softmax: x => if number_of(x) { x * 0 } else { log_softmax(x, over: 0) },
  sqrt: x => sqrt(rectify(x)),
  negate: x => -x,
  min_max: x => (x - min(x)) / (max(x) - min(x)),
  mean: x => mean(x),
  std: x => spread(x),
  identity: x => x,
}
let sides = { sum: (a, b) => a + b, difference: (a, b) => a - b, product: (a, b) => a * b, matmul: (a, b) => invalid("matmul needs matrices") }

/// Section 3.2: two branches of two unaries, reduced to their means, joined. Its text is its genotype.
space tree {
  let branch = [{ input: choose statistic, first: choose unary, second: choose unary } for side in 0..2]
  let joined = choose sides
  encoding "{branch[0].second}({branch[0].first}({branch[0].input})) {joined} {branch[1].second}({branch[1].first}({branch[1].input}))"
  value (stats) => [joined(l, r) for (l, r) in zip([mean(branch[0].second(branch[0].first(t))) for t in branch[0].input(stats)], [mean(branch[1].second(branch[1].first(t))) for t in branch[1].input(stats)])]
}
/// Two inputs, three nodes; node i adds up one unary of each earlier state; the layer's number is the mean over nodes. States of two shapes do not add.
space dag {
  let inputs = [choose statistic for i in 0..2]
  let unaries = [[choose unary for earlier in 0..(2 + i)] for i in 0..3]
  encoding "{inputs[*]}|{unaries[0][*]}|{unaries[1][*]}|{unaries[2][*]}"
  value (stats) => [node_mean(l, r, unaries) for (l, r) in zip(inputs[0](stats), inputs[1](stats))]
}
fn node_mean(l: Tensor, r: Tensor, unaries: [[Any]]) -> Tensor {
  let states = [l, r] |> repeat unaries as us { ss => ss ++ [all_added([if known(ss[i]) { us[i](ss[i]) } else { ss[i] } for i in 0..len(ss)])] }
  if any(not known(s) for s in states) { invalid("shapes differ") } else { mean_of([mean(s) for s in states[2..]]) }
}
fn all_added(ts: [Tensor]) -> Tensor {
  if any(not known(t) for t in ts) { invalid("shapes differ") } else {
    let shapes = distinct([size(t) for t in ts if not number_of(t)])
    if len(shapes) > 1 { invalid("shapes differ") } else { sum(t for t in ts) }
  }
}
/// The four unaries of one input.
space line {
  let input = choose statistic
  let chain = [choose unary for i in 0..4]
  encoding "{chain[3]}({chain[2]}({chain[1]}({chain[0]}({input}))))"
  value (stats) => [mean(t |> repeat chain as u { x => u(x) }) for t in input(stats)]
}

// ---------------------------------------------------------------- proxies of others: formulas of the same type
/// |W G|, summed.
let bit_snip = stats => [sum(abs(w * g)) for (w, g) in zip(stats.weight, stats.grad)]
/// |W dR/dW| with the net as it is; the original starts anew and takes absolute values.
let bit_synflow = stats => [sum(abs(w * g)) for (w, g) in zip(stats.weight, stats.virtual_grad)]
/// Mean of the curvature's diagonal (HAWQ-V2 as released: bits times the trace).
let hawq_trace = stats => [mean(h) for h in stats.hessian]
/// The released bit-SynFlow starts anew: weights from N(0, 1) by absolute value, no batch norm, an input of ones, double precision; one number a layer.
search synflow_anew(net: Net) -> [Float] {
  let drawn = net with { conv2d.weight: w => ~normal[..w.shape], linear.weight: w => ~normal[..w.shape] }
  let positive = (drawn with { params: abs, batch_norm: identity }) as f64
  let ws = weights_of(positive)
  [sum(abs(w * g)) for (w, g) in zip(ws, grad(sum(positive(ones[1, ..net.input])), ws))]
}
let bit_sum = stats => [sum(w * 0) + 1 for w in stats.weight]
let bit_size = stats => [sum(w * 0 + 1) for w in stats.weight]
/// OMPQ: exp(-beta x the sum of a layer's similarities with the others).
fn orthogonality(beta: Float = 1)(stats: Record) -> [Tensor] {
  let fs = [flatten(a, from: 1) - mean(flatten(a, from: 1), over: 0, keep: true) for a in stats.act]
  let gram = [contract("n d, m d -> n m", f, f) for f in fs]
  let own = [sqrt(sum(k * k)) for k in gram]
  [exp(-beta * sum(if i == j { 0 } else { sum(gram[i] * gram[j]) / (own[i] * own[j]) } for j in 0..len(fs))) for i in 0..len(fs)]
}

/// HAWQ-V1: the largest eigenvalue of each layer's curvature, by `turns` of power iteration; with the sign it has.
search hawq_top(net: Net, batch: { x: Tensor, y: Tensor }, turns: Int = 12) -> [Float] {
  let ws = weights_of(net)
  let gs = grad(cross_entropy(net(batch.x), batch.y), ws)
  [top_curvature(w, g, ~normal[..size(w)], turns) for (w, g) in zip(ws, gs)]
}
fn top_curvature(w: Tensor, g: Tensor, start: Tensor, turns: Int) -> Float {
  let along = v => grad(sum(g * stop(v)), [w])[0]
  let v = start |> repeat turns { v => unit(along(v)) }
  sum(v * along(v))
}
fn unit(v: Tensor) -> Tensor { v / (norm(v) + 1e-30) }
/// QE-score: by stage, the logarithm of its width and of the deviations that quantised weights and activations keep, of all convolutions up to
/// it. The deviation of a unit normal draw at b bits hardly changes from 3 bits on: 3 and 4 bits are one to this score.
fn quantised_deviation(bits: Int) -> Float { if bits <= 2 { 1.0089 } else { 1.0408 } }
fn qe_score(stages: [{ channels: Int, weights: [Int], activations: [Int] }], shares: [Float] = [0, 0, 1, 1, 6]) -> Float {
  let kept = [sum(log(quantised_deviation(w) * quantised_deviation(a)) for (w, a) in zip(s.weights, s.activations)) for s in stages]
  sum(a * (log(s.channels) + sum(kept[..i + 1])) for ((a, s), i) in enumerate(zip(shares, stages)))
}

/// The original HAWQ-V2 criterion, not linear in bits: minus the sum over layers of mean curvature times the squared error of rounding.
search hawq_v2(stats: Record, errors: [[Tensor]], bits: [[Int]]) -> [Float] {
  let traces = hawq_trace(stats)
  [-sum(t * e for (t, e) in zip(traces, es)) for es in errors]
}

// ---------------------------------------------------------------- scores and screening
/// One number a layer for each net, as numbers: nets by layers; invalid where the formula cannot be applied.
search layer_numbers(formula: Any, nets: [Record]) -> [[Float]] { [[q for q in formula(s)] for s in nets] }
/// Mean over layers of bits times the layer's number.
fn weighed(bits: [Int], q: [Float]) -> Float { mean([b * x for (b, x) in zip(bits, q)]) }
/// Compatibility screening (section 3.3): dropped at the first configuration that is not a number, infinite, 0 or -1; after four, if all agree.
fn screened(scores: [Float]) -> { why: Text, vector: [Float] } {
  let broken = any(not known(s) for s in scores)
  let why = if broken { "does not fit" }
    else if any(not finite(s) for s in scores) { "not finite" }
    else if any(s == 0 or s == -1 for s in scores) { "0 or -1" }
    else if len(distinct(scores[..4])) < 2 { "constant" } else { "" }
  { why: why, vector: if why == "" { scores } else { [] } }
}
/// A formula's score of configurations, each of its own net or all of one.
fn judged_on(formula: Any, nets: [Record], bits: [[Int]]) -> { why: Text, vector: [Float] } {
  let q = layer_numbers(formula, nets)
  if not known(q) { { why: "does not fit", vector: [] } } else { screened([if known(q[i % len(q)]) { weighed(b, q[i % len(q)]) } else { invalid("does not fit") } for (b, i) in enumerate(bits)]) }
}

// ---------------------------------------------------------------- evolution
/// Operation sampling prioritised: .1 for a unary, .2 for identity; .6 .3 .05 .05 for what joins.
fn prioritised(space: Space) -> Arch {
  space.build(s => ~pick(s.options, weight: o => if o is identity { 0.2 } else if o is sum { 0.6 } else if o is difference { 0.3 } else if o is product or o is matmul { 0.05 } else { 0.1 }))
}
fn evenly(space: Space) -> Arch { space.build(s => ~uniform(s.options)) }
/// Share of drawn members that pass, and how many fail for which reason.
search validity(space: Space, draw: Space -> Arch, score: Arch -> { why: Text, vector: [Float] }, n: Int = 100) -> Record {
  let outcomes = [score(~draw(space)).why for i in 0..n]
  { valid: count(w in outcomes where w == "") / n, reasons: { w: count(v in outcomes where v == w) for w in distinct(outcomes) if w != "" } }
}

/// Steady state: parents from the better half, uniform crossover and mutation at even odds, the worst leaves. `diverse` is diversity-prompting
/// selection as specified here (the paper's rule is not public): a child enters if it beats its better parent by `margin`, or if its scores
/// correlate by less than .95 with everyone's; else a fresh valid individual does. Without it every valid child enters.
search emq(formulas: Space, score: Arch -> { why: Text, vector: [Float] }, truth: [Float], population: Int = 50, turns: Int = 1_000, margin: Float = 0.01, diverse: Bool = true, draw: Space -> Arch = prioritised) -> [Record] {
  state pool = best_first([~individual(formulas, score, truth, draw) for i in 0..population])
  state tried = population
  for turn in 0..turns {
    let half = pool[..ceil(population / 2)]
    let (p, q) = (~uniform(half), ~uniform(half))
    let crossed ~ offspring(formulas, p.arch, q.arch)
    let s = score(crossed)
    let fit = if s.why == "" { spearman(s.vector, truth) } else { -1 }
    let enters = s.why == "" and (not diverse or fit > max(p.score, q.score) + margin or all(abs(spearman(s.vector, m.vector)) < 0.95 for m in pool))
    let next = if enters { { arch: crossed, score: fit, vector: s.vector } } else { ~individual(formulas, score, truth, draw) }
    pool := best_first(drop(pool, last: 1) ++ [next])
    tried := tried + 1
  }
  pool
}
/// A valid individual: at most 100 draws.
fn individual(formulas: Space, score: Arch -> { why: Text, vector: [Float] }, truth: [Float], draw: Space -> Arch) -> Record {
  let a ~ draw(formulas) where score(a).why == "" within 100 else draw(formulas)
  let s = score(a)
  { arch: a, score: if s.why == "" { spearman(s.vector, truth) } else { -1 }, vector: s.vector }
}
fn offspring(formulas: Space, a: Arch, b: Arch) -> Arch {
  let crossed = if ~bernoulli(0.5) { ~uniform_crossover(formulas, a, b) } else { a }
  if ~bernoulli(0.5) { formulas.build(s => if ~bernoulli(0.5) { ~uniform(s.options) } else { crossed[s] }) } else { crossed }
}
fn uniform_crossover(formulas: Space, a: Arch, b: Arch) -> Arch { formulas.build(s => if ~bernoulli(0.5) { a[s] } else { b[s] }) }
/// A tree's genotype with what changes nothing taken out: identities, pairs that undo each other, steps that are repeated without effect, operands that may change places. Formulas of one text
/// are one formula; not all that are one have one text.
fn canonical(genotype: Text) -> Text {
  let p = captures(genotype, "*(*(*)) * *(*(*))")
  let (left, right) = (chained(p[2], [p[1], p[0]]), chained(p[6], [p[5], p[4]]))
  if p[3] == "sum" or p[3] == "product" { join(sort([left, right]), join([" ", p[3], " "], by: "")) } else { join([left, right], join([" ", p[3], " "], by: "")) }
}
fn chained(input: Text, steps: [Text]) -> Text {
  let named = [if s == "sum_per_size" { "mean" } else { s } for s in steps if s != "identity"]
  let two = len(named) == 2
  let undone = two and (named == ["negate", "negate"] or named == ["reciprocal", "reciprocal"])
  let idle = two and named[0] == named[1] and named[0] in ["abs", "relu", "min_max", "standardise", "mean"]
  // After abs, its like; and what does not look at the sign.
  let signless = two and ((named[0] == "abs" and named[1] in ["square", "log_abs", "l1", "frobenius", "relu"]) or (named[0] == "negate" and named[1] in ["abs", "square", "log_abs", "l1", "frobenius", "std"]))
  let kept = if undone { [] } else if idle { named[..1] } else if signless { named[1..] } else { named }
  join([input] ++ kept, by: ".")
}
/// What screening saves: of `n` drawn formulas, those that equal an earlier one and need no scoring, those that fail and why, and those that are left.
search screening(space: Space, draw: Space -> Arch, score: Arch -> { why: Text, vector: [Float] }, n: Int = 100) -> { repeated: Int, failed: Record, valid: Int } {
  let drawn = [~draw(space) for i in 0..n]
  let first = [drawn[i] for i in 0..n if canonical(encode(drawn[i])) not in [canonical(encode(drawn[j])) for j in 0..i]]
  let whys = [score(a).why for a in first]
  { repeated: n - len(first), failed: { w: count(v in whys where v == w) for w in distinct(whys) if w != "" }, valid: count(w in whys where w == "") }
}
/// Formulas that rank the configurations alike up to 6 digits are one.
fn different(pool: [Record]) -> Int { len(distinct([join([round(v, to: 1e-6) for v in p.vector]) for p in pool])) }

test "sizes" {
  expect size(tree) == 4 ^ 2 * 20 ^ 4 * 4 and size(dag) == 4 ^ 2 * 20 ^ 9 and size(line) == 4 * 20 ^ 4
}
test "bit widths under a size and under bit operations, against going through them" {
  let (n, m) = ([10, 100, 50, 200, 20], [400, 300, 200, 100, 20])
  let all = bit_widths(n, m)
  let small = bit_widths(n, m, most_bits: 1_300)
  let quick = bit_widths(n, m, most_bops: 45_000)
  expect size(all) == 27
  expect size(small) == count(a in all where sum(k * b for (k, b) in zip(n, all[a])) <= 1_300)
  expect size(quick) == count(a in all where 8 * sum(k * b for (k, b) in zip(m, all[a])) <= 45_000)
  expect size(small) > 0 and size(small) < 27 and size(quick) > 0 and size(quick) < 27
}
test "the genotype that the released rank script fixes" {
  let f = tree["softmax(log_abs(virtual_grad)) product sqrt(relu(weight))"]
  let s = { weight: [reshape(cumsum(ones[4]) - 2, [4])], virtual_grad: [reshape(cumsum(ones[4]), [4])] }
  // The mean of a softmax of 4 is 1/4; sqrt of -1 0 1 2 rectified is 0 0 1 sqrt 2.
  expect f(s)[0] == 0.25 * (1 + sqrt(2)) / 4 within 1e-6
}
test "the other genotype in the released tests" {
  let f = tree["sqrt(abs(weight)) sum sqrt(exp(weight))"]
  // Of -1 0 1 2: roots of sizes 1 0 1 sqrt 2, and of exponentials.
  expect f({ weight: [reshape(cumsum(ones[4]) - 2, [4])] })[0] == (2 + sqrt(2)) / 4 + (exp(-0.5) + 1 + exp(0.5) + exp(1)) / 4 within 1e-5
}
test "curvature by hand: two classes, one weight each, no weight yet" {
  let flat = net(x: [n, 1]) { x |> linear(2, bias: false) } with { linear.weight: w => zeros[..w.shape] }
  // Shares of 1/2: diag(p) - p p' has the eigenvalues 1/2 and 0.
  expect hawq_top(flat, { x: ones[1, 1], y: [0] })[0] == 0.5 within 1e-4
}
test "QE-score cannot tell 3 bits from 4" {
  let at = b => [{ channels: 8 * 2 ^ s, weights: [b, b], activations: [8, 8] } for s in 0..5]
  expect qe_score(at(3)) == qe_score(at(4)) and qe_score(at(2)) < qe_score(at(3))
  let one = 2 * log(1.0408 ^ 2)
  expect qe_score(at(4)) == log(32) + 3 * one + log(64) + 4 * one + 6 * (log(128) + 5 * one) within 1e-9
}
test "screening says why" {
  expect screened([1, 2, 3, 4]).why == "" and screened([2, 2, 2, 2, 3]).why == "constant"
  expect screened([1, 0, 3]).why == "0 or -1" and screened([1, log(-1), 3]).why != ""
}
test "proxies of others on a layer known by hand" {
  let s = { weight: [reshape(cumsum(ones[3]), [3])], grad: [reshape(-ones[3], [3])] }
  expect bit_snip(s)[0] == 6 and bit_size(s)[0] == 3 and bit_sum(s)[0] == 1
}
test "equal formulas have one text" {
  expect canonical("identity(abs(weight)) sum negate(negate(grad))") == canonical("identity(identity(grad)) sum abs(abs(weight))")
  expect canonical("square(abs(weight)) product identity(l1(act))") == canonical("l1(identity(act)) product identity(square(weight))")
  expect canonical("mean(square(weight)) product identity(mean(act))") == canonical("identity(sum_per_size(act)) product sum_per_size(square(weight))")
  expect canonical("log(abs(weight)) difference exp(exp(grad))") != canonical("exp(exp(grad)) difference log(abs(weight))")
}
test "what the texts call equal has equal numbers" {
  let s = { act: [sin(cumsum(ones[7]))], grad: [cos(cumsum(ones[7]))], weight: [sin(2 * cumsum(ones[7]))], virtual_grad: [cos(3 * cumsum(ones[7]))] }
  let all = sample(tree, 3_000, seed: 4)
  let texts = [canonical(encode(a)) for a in all]
  let twins = [(all[i], all[position(texts[i], in: texts)]) for i in 0..len(all) if position(texts[i], in: texts) < i]
  expect len(twins) >= 5
  expect all_equal(twins, s)
}
fn all_equal(twins: [(Arch, Arch)], s: Record) -> Bool { all(same(tree[a](s), tree[b](s)) for (a, b) in twins) }
fn same(x: [Tensor], y: [Tensor]) -> Bool { not known(x) or not known(y) or not finite(x[0]) or not finite(y[0]) or abs(x[0] - y[0]) <= 1e-4 * (1 + abs(x[0])) }
test "synflow from a new start is a number a layer, and the same sum in each" {
  // Of a chain every layer passes the whole output on.
  let chain = net(x: [n, 8]) { x |> repeat 3 { linear(8, bias: false) |> relu } }
  let q = synflow_anew(chain, seed: 1)
  expect len(q) == 3 and all(abs(v / q[0] - 1) < 1e-6 for v in q)
}
