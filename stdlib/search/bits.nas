//! Which layer gets how many bits? Ways to choose a configuration under a bound on its size, once every layer has a number that says what its bits are worth.
//! Sizes are in bits of weights; `counts` are weights a layer.
use quant.fake.{size_in_bits, bit_operations, quantised, layers_of}
use search.train.{fit, fit_from}
use nets.small.plain_cnn

/// OMPQ (Ma et al. 2021, released): a linear programme over bits that need not be whole, between `low` and `high`, the sum of `worth` times bits as large as can be under
/// a bound on the size. With one bound it is solved exactly by filling up the layers in order of worth a weight; at most one layer is left between its ends.
fn continuous_bits(worth: [Float], counts: [Int], most: Float, low: Float = 2, high: Float = 4) -> [Float] {
  let spare = most - low * sum(counts)
  let turn = argsort([-w / n for (w, n) in zip(worth, counts)])
  let place = [position(l, in: turn) for l in 0..len(counts)]
  let before = [sum([(high - low) * counts[k] for k in 0..len(counts) if place[k] < place[l] and worth[k] > 0], empty: 0) for l in 0..len(counts)]
  let bits = [if w > 0 { low + clamp((spare - b) / n, 0, high - low) } else { low } for ((w, n), b) in zip(zip(worth, counts), before)]
  if spare < 0 { invalid("the bound lies below the size at the lowest bits") } else { bits }
}
/// Whole bits from it, as released: each rounded; those that then do not fit any more are taken down from the least worth a weight on.
fn rounded_bits(worth: [Float], counts: [Int], most: Float, low: Int = 2, high: Int = 4) -> [Int] {
  let near = [round(b) for b in continuous_bits(worth, counts, most, low, high)]
  let least_first = argsort([w / n for (w, n) in zip(worth, counts)])
  near |> repeat (high - low) * len(counts) as i { bits => lowered(bits, least_first[i % len(counts)], counts, most, low) }
}
fn lowered(bits: [Float], l: Int, counts: [Int], most: Float, low: Int) -> [Float] {
  if sum(n * b for (n, b) in zip(counts, bits)) <= most or bits[l] <= low { bits } else { [if i == l { b - 1 } else { b } for (b, i) in enumerate(bits)] }
}
/// The best of all whole configurations: for as many layers as can be gone through.
fn best_bits(worth: [Float], counts: [Int], most: Int, options: [Int] = [2, 3, 4]) -> [Int] {
  let all = whole_bits(counts, options, most)
  all[top([a for a in all], 1, by: a => sum(w * b for (w, b) in zip(worth, all[a])))[0]]
}
/// Bits for each layer, all of them free, under a bound.
space whole_bits(counts: [Int], options: [Int], most: Int) {
  let b = [choose options for layer in counts]
  encoding "{b join}"
  value b
  where sum(n * x for (n, x) in zip(counts, b)) <= most
}

/// EMQ's released generator: from a root, 1 to `positions` layers get new bits, drawn by `shares`; of `draws` those whose size is at most `most` and at least `most - slack`
/// (0.5 MB there), each once. For quantisation after training bits 2, 3, 4 by .1, .3, .6 and up to 3 positions; with training bits 4 to 8 by .1, .1, .2, .2, .4 and up to 6.
search bit_candidates(root: [Int], counts: [Int], most: Int, slack: Int = 4_000_000, draws: Int = 50_000, positions: Int = 3, options: [Int] = [2, 3, 4], shares: [Float] = [0.1, 0.3, 0.6]) -> [[Int]] {
  let all = [~changed(root, positions, options, shares) for i in 0..draws]
  distinct([b for b in all if size_in_bits(counts, b) <= most and size_in_bits(counts, b) >= most - slack])
}
fn changed(root: [Int], positions: Int, options: [Int], shares: [Float]) -> [Int] {
  let k = ~uniform(1..=positions)
  let where_to = ~subset([i for i in 0..len(root)], k)
  [if i in where_to { ~pick(options, weight: o => shares[position(o, in: options)]) } else { b } for (b, i) in enumerate(root)]
}

/// MQ-Bench's configuration of ResNet-18: 18 numbers, the stem, 16 convolutions of blocks and the classifier. Each of the three convolutions on a shortcut copies the one before it,
/// and the first and the last layer are forced to 8: 21 layers, in the order in which the net declares them.
fn resnet18_bits(configuration: [Int], ends: Int = 8) -> [Int] {
  let inner = configuration[1..17]
  let stage = s => inner[4 * s..4 * s + 4]
  [ends] ++ stage(0) ++ with_shortcut(stage(1)) ++ with_shortcut(stage(2)) ++ with_shortcut(stage(3)) ++ [ends]
}
fn with_shortcut(four: [Int]) -> [Int] { four[..2] ++ [four[1]] ++ four[2..] }
/// Weights and multiply-accumulates of those 21 layers at 224 x 224.
fn resnet18_counts() -> [Int] { [9_408] ++ [36_864; 4] ++ down(64) ++ down(128) ++ down(256) ++ [512_000] }
fn down(c: Int) -> [Int] { [18 * c * c, 36 * c * c, 2 * c * c, 36 * c * c, 36 * c * c] }
fn resnet18_macs() -> [Int] {
  [9_408 * 112 ^ 2] ++ [36_864 * 56 ^ 2; 4] ++ [n * 28 ^ 2 for n in down(64)] ++ [n * 14 ^ 2 for n in down(128)] ++ [n * 7 ^ 2 for n in down(256)] ++ [512_000]
}

test "a linear programme by hand" {
  // Worth a weight: 3, 1, 2. All at 2 bits take 120; of 40 more the first layer takes 20, the third 20 of its 60.
  expect continuous_bits([30, 20, 60], [10, 20, 30], 160) == [4, 2, 2 + 20 / 30]
  expect continuous_bits([30, 20, 60], [10, 20, 30], 1_000) == [4, 4, 4] and continuous_bits([30, 20, 60], [10, 20, 30], 120) == [2, 2, 2]
  expect not known(continuous_bits([30, 20, 60], [10, 20, 30], 119))
  expect continuous_bits([-1, 20, 60], [10, 20, 30], 1_000) == [2, 4, 4]
}
test "it is above every whole configuration, uses its budget up, and leaves one layer between its ends" {
  let (worth, counts, most) = ([5, 9, 2, 7, 4], [12, 30, 5, 44, 21], 330)
  let free = continuous_bits(worth, counts, most)
  let value = bits => sum(w * b for (w, b) in zip(worth, bits))
  expect sum(n * b for (n, b) in zip(counts, free)) == most within 1e-9
  expect count(b in free where b > 2 and b < 4) <= 1
  let best = best_bits(worth, counts, most)
  expect value(free) >= value(best) and value(best) >= value(rounded_bits(worth, counts, most))
  expect sum(n * b for (n, b) in zip(counts, rounded_bits(worth, counts, most))) <= most and sum(n * b for (n, b) in zip(counts, best)) <= most
}
test "candidates lie under the bound, near it, and differ from the root in one to three places" {
  let (root, counts) = ([4, 4, 3, 4, 2], [100, 200, 300, 100, 50])
  let found = bit_candidates(root, counts, 2_500, slack: 300, draws: 300, seed: 1)
  expect len(found) > 10 and len(distinct(found)) == len(found)
  expect all(size_in_bits(counts, b) <= 2_500 and size_in_bits(counts, b) >= 2_200 for b in found)
  expect all(count(x in zip(root, b) where x.0 != x.1) <= 3 for b in found)
}
test "ResNet-18's 21 layers" {
  expect sum(resnet18_counts()) == 11_678_912 and sum(resnet18_macs()) == 1_814_073_344
  let bits = resnet18_bits([2] ++ [2, 3, 4, 2, 3, 4, 2, 3, 4, 2, 3, 4, 2, 3, 4, 2] ++ [3])
  expect len(bits) == 21 and bits[0] == 8 and last(bits) == 8
  expect bits[5..10] == [3, 4, 4, 2, 3] and bits[10..15] == [4, 2, 2, 3, 4] and bits[15..20] == [2, 3, 3, 4, 2]
}
test "sizes of ResNet-18 with one width inside and 8 bits at its ends" {
  let bytes_at = b => size_in_bits(resnet18_counts(), resnet18_bits([b; 18])) / 8
  expect [bytes_at(b) for b in [2, 3, 4, 5]] == [3_310_784, 4_705_472, 6_100_160, 7_494_848]
  // Published sizes lie where they can: after training 4.0, 4.5 and 5.5 MB among 2 to 4 bits, in training 6.69 MB among 4 to 8 bits; its 92 G bit operations too.
  expect all(bytes_at(2) < 1e6 * mb and 1e6 * mb < bytes_at(4) for mb in [4.0, 4.5, 5.5]) and bytes_at(4) < 6.69e6 and 6.69e6 < bytes_at(8)
  let operations = b => bit_operations(resnet18_macs(), resnet18_bits([b; 18]))
  expect operations(4) < 92e9 and operations(8) > 92e9 and operations(8) == 64 * 1_814_073_344
}
test "a quantised net is trained on from the float net's weights, and leaves those as they are" {
  let d = data.generated(128, 4, test: 8)
  let float = plain_cnn(4, 4)
  let t = fit(float, d, 2, sgd(constant(0.05)), seed: 1)
  let net = quantised(float, [8, 2, 3, 4, 2, 3, 4, 8], activations: 4)
  let (still, moved) = (fit_from(net, t, d, 1, sgd(constant(0)), seed: 1), fit_from(net, t, d, 2, sgd(constant(0.01)), seed: 1))
  let second = w => layers_of(float[w])[1]
  expect second(still) == second(t) and second(moved) != second(t) and finite(net[moved](ones[1, 3, 16, 16]))
  expect count(distinct([round(v, to: 1e-6) for v in flatten(layers_of(net[moved])[1], from: 0)])) <= 3
}
