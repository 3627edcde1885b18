//! EMQ: evolve the formula that ranks quantised nets, on some configurations, and judge it on others.
//! `main`: NAS-Bench-201 nets with recorded accuracies after quantisation-aware training (needs `mixed_precision` and `cifar10` under --data).
//! `reduced`: one small net trained on generated images, quantised after training to 90 configurations.
use nets.small
use quant.fake
use search.{emq, nb201, train}
use std.cost.macs.nats as macs

/// A cell, and the weight bits of its edges in each stage: what a row of the table is about. 0 where an edge has no convolution.
space quantised_cell {
  let epochs = choose [50, 150]
  let ops = [choose [0, 1, 2, 3, 4] for edge in 0..6]
  let bits = [[choose [0, 2, 4, 8] for edge in 0..6] for stage in 0..3]
  encoding "{epochs} {ops join} {bits[0] join} {bits[1] join} {bits[2] join}"
  value { epochs: epochs, ops: ops, bits: bits }
}
table recorded of quantised_cell from "mixed_precision/mp_nas_bench201.csv" {
  key arch from "{epochs} {ops} {wbits_stage1} {wbits_stage2} {wbits_stage3}"
  epochs: Int
  cell: Text from "ops"
  accuracy: Percent from "test_acc"
}
/// The member of NAS-Bench-201 whose options have these numbers.
fn cell_of(space: Space, ops: [Int]) -> Net {
  let order = [s.address for s in sites(space)]
  space[space.build(s => s.options[ops[position(s.address, in: order)]])]
}
/// Bits of all layers of the skeleton with one cell a stage: 8 for the stem, the reductions and the classifier.
fn layer_bits(a: Arch) -> [Int] {
  let stage = s => [b for b in a.bits[s] if b > 0]
  [8] ++ stage(0) ++ [8, 8, 8] ++ stage(1) ++ [8, 8, 8] ++ stage(2) ++ [8]
}
/// Rows of `n` architectures, one each, from a shuffled list of cells; `from` skips the first ones, so that two sets share no architecture.
fn chosen(rows: [Record], cells: [Text], from: Int, n: Int) -> [Record] { [first([r for r in rows if r.cell == c]) for c in cells[from..from + n]] }
fn rho(formula: Any, nets: [Record], bits: [[Int]], truth: [Float]) -> Float {
  let s = judged_on(formula, nets, bits)
  if s.why == "" { spearman(s.vector, truth) } else { 0 }
}

pipeline main(seeds: [Int] = [0, 1, 2], turns: Int = 60, population: Int = 20, seen: Int = 50, held: Int = 120, width: Int = 8) {
  // Trainings that failed (6 per cent of the rows, near 10 per cent accuracy) say nothing about bits.
  let rows = recorded where epochs == 150 and accuracy > 20%
  let cells = shuffle(distinct([r.cell for r in rows]), seed: 0)
  let sets = { seen: chosen(rows, cells, 0, seen), held: chosen(rows, cells, seen, held) }
  let space = nb201(10, width, 1, 16)
  let batch = data.cifar10("cifar10").take(2_000).map(halved).batch(16)
  let stats = { n: [statistics(cell_of(space, r.arch.ops), batch) for r in rs] for (n, rs) in sets }
  let bits = { n: [layer_bits(r.arch) for r in rs] for (n, rs) in sets }
  let truth = { n: [r.accuracy for r in rs] for (n, rs) in sets }
  let nets = { n: [cell_of(space, r.arch.ops) for r in rs] for (n, rs) in sets }

  let score = a => judged_on(tree[a], stats.seen, bits.seen)
  let found = [emq(tree, score, truth.seen, population: population, turns: turns, seed: s) for s in seeds]
  let narrow = [emq(tree, score, truth.seen, population: population, turns: turns, diverse: false, seed: s) for s in seeds]
  let valid = { tree_prioritised: validity(tree, prioritised, score, 60), tree_even: validity(tree, evenly, score, 60), dag_prioritised: validity(dag, prioritised, a => judged_on(dag[a], stats.seen, bits.seen), 60) }

  let formulas = { snip: bit_snip, synflow: bit_synflow, hawq_trace: hawq_trace, bit_sum: bit_sum, size: bit_size }
  let rivals = { n: rho(f, stats.held, bits.held, truth.held) for (n, f) in formulas }
  let costs = { macs: spearman([macs(m) for m in nets.held], truth.held), params: spearman([params(m) for m in nets.held], truth.held) }
  let evolved = [rho(tree[f[0].arch], stats.held, bits.held, truth.held) for f in found]
  report formulas: [encode(f[0].arch) for f in found], seen: [f[0].score for f in found], held: evolved, rivals, costs
  report different: { with_diversity: [different(f) for f in found], without: [different(f) for f in narrow] }, valid, narrow_held: [rho(tree[f[0].arch], stats.held, bits.held, truth.held) for f in narrow]
  expect median(evolved) > max(values(rivals))
  budget 40 minutes, 4 GB
}

pipeline reduced(seeds: [Int] = [0, 1], turns: Int = 60, population: Int = 12, configurations: Int = 90, steps: Int = 300, folder: Text = "") {
  let images = (if folder == "" { data.generated(2_000, test: 400) } else { data.cifar10(folder).take(8_000).map(halved) }).split(train: 0.75, valid: 0.25)
  let small = plain_cnn(8)
  let net = small[fit(small, images.train, steps, sgd(cosine(0.1 -> 1e-3), momentum: 0.9, decay: 5e-4), seed: 0)]
  let counts = [len(flatten(w, from: 0)) for w in layers_of(net)]
  let work = layer_macs()
  let space = bit_widths(counts, work)
  let archs = sample(space, configurations)
  let bench = [accuracy(quantised(net, space[a]), images.valid) for a in archs]
  let bits = [space[a] for a in archs]
  let stats = [statistics(net, images.train.batch(64))]
  let third = floor(configurations / 3)

  let score = a => judged_on(tree[a], stats, bits[..third])
  let found = [emq(tree, score, bench[..third], population: population, turns: turns, seed: s) for s in seeds]
  let narrow = [emq(tree, score, bench[..third], population: population, turns: turns, diverse: false, seed: s) for s in seeds]
  let formulas = { snip: bit_snip, synflow: bit_synflow, hawq_trace: hawq_trace, bit_sum: bit_sum, size: bit_size, orthogonality: orthogonality() }
  let rivals = { n: rho(f, stats, bits[third..], bench[third..]) for (n, f) in formulas }
  let evolved = [rho(tree[f[0].arch], stats, bits[third..], bench[third..]) for f in found]
  let valid = { tree_prioritised: validity(tree, prioritised, score, 60), tree_even: validity(tree, evenly, score, 60), dag_prioritised: validity(dag, prioritised, a => judged_on(dag[a], stats, bits[..third]), 60) }

  // At one size: the formula's choice against the median of what else fits.
  let under = bit_widths(counts, work, most_bits: floor(2.9 * sum(counts)))
  let fitting = sample(under, 40)
  let q = layer_numbers(tree[found[0][0].arch], stats)[0]
  let pick = top(fitting, 1, by: a => weighed(under[a], q))[0]
  let others = [accuracy(quantised(net, under[a]), images.valid) for a in fitting]
  report float: accuracy(net, images.valid), bench: { least: min(bench), median: median(bench), most: max(bench) }
  report formulas: [encode(f[0].arch) for f in found], seen: [f[0].score for f in found], held: evolved, rivals
  report different: { with_diversity: [different(f) for f in found], without: [different(f) for f in narrow] }, valid
  report at_one_size: { of: size(under), picked: encode(pick), accuracy: accuracy(quantised(net, under[pick]), images.valid), median: median(others), best: max(others) }
  expect all(e > 0 for e in evolved)
  budget 15 minutes, 2 GB
}
/// Multiply-accumulates of the plain net's layers at 16 x 16 and width 8.
fn layer_macs() -> [Int] { [9 * 3 * 8 * 256, 9 * 8 * 8 * 256, 9 * 8 * 16 * 64, 9 * 16 * 16 * 64, 9 * 16 * 32 * 16, 9 * 32 * 32 * 16, 9 * 32 * 32 * 16, 320] }

test "bits of a row, layer by layer" {
  let row = decode(quantised_cell, "50 334131 220020 220040 220040")
  expect layer_bits(row) == [8, 2, 2, 2, 8, 8, 8, 2, 2, 4, 8, 8, 8, 2, 2, 4, 8]
  expect len(layers_of(cell_of(nb201(10, 8, 1, 16), row.ops))) == len(layer_bits(row))
}
test "the recorded rows" {
  expect len(recorded) >= 18_000
  expect count(r in recorded where r.epochs == 150) >= 3_000
}
