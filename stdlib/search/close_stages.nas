//! CLOSE on spaces of stages (the NDS spaces of Radosavovic et al. 2019), as released: no gate; the repeated positions of a stage read shared blocks by a
//! map of contiguous groups, which are split ever finer during the training.
use search.{close, samplers}

/// Three stages: a block that changes width and size, then up to 23 that keep both. `unit` is what a block computes, from its width and stride, before the sum.
space stage_nets(classes: Int = 10, depths: Range = 1..=24, widths: [Int] = [16, 32, 64, 128, 256], stem: Int = 16, side: Int = 32, unit: Any = basic_unit) {
  let depth = [choose depths for s in 0..3]
  let width = [choose widths for s in 0..3]
  encoding "{depth join -} {width join -}"
  block changing(out: Int, stride: Int)(x: [n, c, h, w]) -> [n, out, _, _] { relu((x |> unit(out, stride)) + (x |> conv2d(out, 1, stride: stride, bias: false) |> batch_norm)) }
  block keeping(x: [n, c, h, w]) -> [n, c, h, w] { relu(x + (x |> unit(c, 1))) }
  block repeated(turns: Int)(x: [n, c, h, w]) -> [n, c, h, w] { x |> repeat turns { keeping } }
  net(x: [n, 3, side, side]) -> [n, classes] {
    x |> conv_bn(stem, 3) |> relu
      |> changing(width[0], 1) |> repeated(depth[0] - 1)
      |> changing(width[1], 2) |> repeated(depth[1] - 1)
      |> changing(width[2], 2) |> repeated(depth[2] - 1)
      |> mean(over: [2, 3]) |> linear(classes)
  }
}
block conv_bn(out: Int, k: Int, stride: Int = 1, groups: Int = 1)(x: [n, c, h, w]) -> [n, out, _, _] where c % groups == 0 and out % groups == 0 { x |> conv2d(out, k, stride: stride, groups: groups, bias: false) |> batch_norm }
/// NDS-ResNet: two convolutions.
block basic_unit(out: Int, stride: Int)(x: [n, c, h, w]) -> [n, out, _, _] { x |> conv_bn(out, 3, stride) |> relu |> conv_bn(out, 3) }
/// NDS-ResNeXt: a bottleneck of `out / ratio` channels, its 3 x 3 convolution in groups.
block grouped_unit(ratio: Int = 1, groups: Int = 1)(out: Int, stride: Int)(x: [n, c, h, w]) -> [n, out, _, _] where out % ratio == 0 and (out / ratio) % groups == 0 {
  x |> conv_bn(out / ratio, 1) |> relu |> conv_bn(out / ratio, 3, stride, groups) |> relu |> conv_bn(out, 1)
}

// ---------------------------------------------------------------- groups
/// A list of groups is the list of their lengths: as even as can be, the longer ones first.
fn group_lengths(positions: Int, groups: Int) -> [Int] { [floor(positions / groups) + (if i < positions % groups { 1 } else { 0 }) for i in 0..groups] }
/// Half of one group becomes a group of its own, and starts as the one it came from plus its own draw: the left-most that is longer than 1 ("pre") …
fn split_first(groups: [Int]) -> [Int] { split_at(groups, min([i for (n, i) in enumerate(groups) if n > 1] ++ [len(groups)])) }
/// … or the longest, the first of several ("max").
fn split_longest(groups: [Int]) -> [Int] { split_at(groups, if max(groups) > 1 { position(max(groups), in: groups) } else { len(groups) }) }
fn split_at(groups: [Int], i: Int) -> [Int] { if i >= len(groups) { groups } else { groups[..i] ++ [ceil(groups[i] / 2), floor(groups[i] / 2)] ++ groups[i + 1..] } }
/// The group of each position.
fn group_map(groups: [Int]) -> [Int] { [g for (n, g) in enumerate(groups) for i in 0..n] }
/// The first position of each group: its name, which stays when others are split.
fn group_starts(groups: [Int]) -> [Int] { [sum(groups[..i], empty: 0) for i in 0..len(groups)] }
fn split_times(groups: [Int], n: Int, rule: Any) -> [Int] { groups |> repeat n { g => rule(g) } }
/// The group that one more split makes, and the one it comes from, by their first positions; 0 and 0 where nothing can be split any more.
fn new_group(groups: [Int], n: Int, rule: Any) -> { new: Int, old: Int } {
  let (before, after) = (group_starts(split_times(groups, n, rule)), group_starts(split_times(groups, n + 1, rule)))
  let fresh = [s for s in after if s not in before]
  if len(fresh) == 0 { { new: 0, old: 0 } } else { { new: fresh[0], old: max([s for s in before if s < fresh[0]]) } }
}

/// A sharing policy: positions inside `stage` read the weights of their group, everything else its own; narrower members read the first channels.
fn grouped(stage: BlockKind, groups: [Int])(u: Use) -> Slot {
  let at = u.within(stage)
  if at is none { slot(place: u.place) |> leading } else {
    let part = last(captures(u.place, join([at, "/*[*]/*"], by: "")))
    slot(stage: at, first: group_starts(groups)[group_map(groups)[u.turn]], part: part) |> leading
  }
}

/// The released events, at epochs 201, 401, 601 and 801 of 1,000: two splits each for ResNet (9 groups become 17), one for ResNeXt-A (13).
curriculum splitting(each: Int = 2) {
  phase 0% { splits: 0 }
  phase 20% { splits: each }
  phase 40% { splits: 2 * each }
  phase 60% { splits: 3 * each }
  phase 80% { splits: 4 * each }
  monotone splits
}
/// One architecture a batch. `groups` are what the training starts from, over as many positions as a stage has after its first block; `rule` is `split_first` or `split_longest`.
trainer close_stages(space: Space, stage: BlockKind, data: Data, groups: [Int] = group_lengths(23, 9), extent: Curriculum = splitting(), rule: Any = split_first, inherit: Bool = true, opt: Optimiser = sgd(plateau(0.05), momentum: 0.9, decay: 5e-5, clip: 5), epochs: Epochs = 1000, batch: Int = 128) -> { net: Weights, groups: [Int] } {
  let stops = [p.settings.splits for p in phases(extent)]
  let total = max(stops)
  let plan = [split_times(groups, i, rule) for i in 0..=total]
  let births = [new_group(groups, i, rule) for i in 0..total]
  weights w = init(space, grouped(stage, [1 for position in 0..sum(groups)]))
  for (x, y) in data.batches(batch, epochs: epochs) {
    let c = extent(now)
    on change(c.splits) as k {
      if inherit {
        for b in [births[i] for i in max([s for s in stops if s < k])..k] {
          if b.new > 0 { w[first: b.new] := w[first: b.new] + w[first: b.old] }
        }
      }
    }
    let a ~ by_site(space)
    minimise cross_entropy(space[a, w, grouped(stage, plan[c.splits])](x), y) over w by opt
    keep { net: w, groups: plan[c.splits], losses: now.losses } every 10%
  }
  { net: w, groups: plan[total] }
}

test "groups of the stage spaces: 9, then two more at each of four events for ResNet, one for ResNeXt-A" {
  let start = group_lengths(23, 9)
  expect sum(start) == 23 and start == [3, 3, 3, 3, 3, 2, 2, 2, 2] and group_map([2, 1, 3]) == [0, 0, 1, 2, 2, 2]
  expect len(split_times(start, 8, split_first)) == 17 and len(split_times(start, 4, split_first)) == 13
  expect len(split_times(start, 8, split_longest)) == 17 and sum(split_times(start, 8, split_longest)) == 23
  expect split_first([1, 2, 4]) == [1, 1, 1, 4] and split_longest([1, 2, 4]) == [1, 2, 2, 2] and split_first([1, 1]) == [1, 1]
}
test "a new group comes from the one whose half it was" {
  expect new_group([2, 3], 0, split_first) == { new: 1, old: 0 } and new_group([2, 3], 1, split_first) == { new: 4, old: 2 }
  expect new_group([2, 3], 0, split_longest) == { new: 4, old: 2 } and new_group([1, 1], 0, split_first) == { new: 0, old: 0 }
  expect group_starts([2, 1, 3]) == [0, 2, 3]
}
test "the events of the reference" {
  expect changes(splitting().splits, 1000 epochs) == [200, 400, 600, 800]
  expect [p.settings.splits for p in phases(splitting())] == [0, 2, 4, 6, 8] and [p.settings.splits for p in phases(splitting(1))] == [0, 1, 2, 3, 4]
}
let tiny = stage_nets(10, 2..=5, [8, 16], 8, 16)
test "what groups share" {
  expect size(tiny) == (4 * 2) ^ 3
  // Of each stage's repeated positions two convolutions and two batch norms of two parameters: six slots a group.
  let own = len(slots(tiny, grouped(stage_nets.repeated, [1, 1, 1, 1])))
  expect own - len(slots(tiny, grouped(stage_nets.repeated, [2, 2]))) == 3 * 2 * 6 and own - len(slots(tiny, grouped(stage_nets.repeated, [4]))) == 3 * 3 * 6
}
test "units: a bottleneck in groups has a cheaper middle" {
  let (plain, four) = (stage_nets(10, 2..=5, [16], 8, 16, grouped_unit(2, 1)), stage_nets(10, 2..=5, [16], 8, 16, grouped_unit(2, 4)))
  // 9 x 8 x 8 weights against 9 x 8 x 2, once a position.
  expect params(plain["2-2-2 16-16-16"]) - params(four["2-2-2 16-16-16"]) == 6 * 9 * 8 * 6
}
test "a training that splits twice" {
  let d = data.generated(96, test: 4)
  let r = close_stages(tiny, stage_nets.repeated, d, groups: [2, 2], extent: splitting_twice(), opt: sgd(constant(0.01), momentum: 0.9), epochs: 4, batch: 32, seed: 1)
  expect r.groups == [1, 1, 1, 1] and finite([h.losses for h in r.history])
  expect [h.groups for h in r.history][0] == [2, 2]
}
curriculum splitting_twice() {
  phase 0% { splits: 0 }
  phase 25% { splits: 1 }
  phase 50% { splits: 2 }
  monotone splits
}
test "a new group starts as its own draw plus the group it comes from" {
  let d = data.generated(64, test: 4)
  // A learning rate of 0 leaves all as it starts. Stem, three of the block that changes, two a position.
  let run = inherit => close_stages(tiny, stage_nets.repeated, d, groups: [2, 2], extent: splitting_twice(), inherit: inherit, opt: sgd(constant(0)), epochs: 4, batch: 32, seed: 1)
  let kernels = r => [c.weight for c in tiny[tiny["3-2-2 16-16-16"].arch, r.net, grouped(stage_nets.repeated, r.groups)].all(conv2d)]
  let (heir, alone) = (kernels(run(true)), kernels(run(false)))
  expect all(max(abs(heir[i] - alone[i] - alone[i - 2])) < 1e-6 for i in [6, 7])
  expect heir[4] == alone[4] and any(heir[6] != alone[6])
}
