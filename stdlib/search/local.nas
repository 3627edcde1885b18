//! Local search and the progressive opening of a space.
use search.{evolution, sharing}

/// Steepest ascent: from `start`, to the best neighbour while it is better; at most `steps` moves. Gives the path, the end last.
search climb(space: Space, score: Arch -> Score, start: Arch, steps: Int = 100) -> [Scored] {
  state path = [{ arch: start, score: score(start) }]
  state moving = true
  for step in 0..steps {
    let here = last(path)
    let next = if moving { best(scored(neighbours(space, here.arch), score)) } else { here }
    path := if next.score > here.score { path ++ [next] } else { path }
    moving := next.score > here.score
  }
  path
}
/// Climbs from `starts` random members; the best ends first.
search local_search(space: Space, score: Arch -> Score, starts: Int = 5, steps: Int = 100) -> [Scored] {
  best_first(distinct([last(climb(space, score, a, steps)) for a in sample(space, starts)]))
}
/// Whether no neighbour is better.
fn local_optimum(space: Space, score: Arch -> Score, a: Arch) -> Bool { all(score(b) <= score(a) for b in neighbours(space, a)) }

/// Once-for-all's order (Cai et al. 2020), for spaces whose options are numbers: a site offers the share of its options that lies nearest to the largest, one at first and all at last.
fn opened(options: Int, share: Float) -> Int { max(1, min(options, ceil(1 + (options - 1) * share - 1e-9))) }
/// A member in which each site is drawn from what is open; `share` says for each site how much is, from 0 (the largest option alone) to 1.
fn shrinking(space: Space, share: Site -> Float) -> Arch {
  space.build(s => {
    let from_top = argsort([-o for o in s.options])
    let k ~ uniform([i for i in from_top[..opened(len(s.options), share(s))]])
    s.options[k]
  })
}
/// All sites open evenly, after a share `alone` of the training with the largest member only.
fn evenly_opened(fraction: Float, alone: Rate)(s: Site) -> Float { clamp((fraction - alone) / (1 - alone), 0, 1) }
/// The published order: after the largest member alone the sites named in `deep` open, in `deep_phases` equal steps; when they are open the others do, in `wide_phases`.
/// `depth_then_width(["depth"])` is an argument of `progressive_training`.
fn depth_then_width(deep: [Text], deep_phases: Int = 3, wide_phases: Int = 6)(fraction: Float, alone: Rate)(s: Site) -> Float {
  let phase = if fraction < alone { 0 } else { 1 + floor((fraction - alone) / (1 - alone) * (deep_phases + wide_phases)) }
  clamp(if s.name in deep { phase / deep_phases } else { (phase - deep_phases) / wide_phases }, 0, 1)
}
/// Progressive shrinking: the largest member alone, then ever more of each site's options, with the largest member's stopped logits as a second teacher.
trainer progressive_training(space: Space, data: Data, opt: Optimiser, epochs: Epochs, alone: Rate = 0.25, follow: Float = 1, opens: Any = evenly_opened) -> Weights {
  weights w = init(space, entangled)
  for (x, y) in data.batches(64, epochs: epochs) {
    let top = shrinking_top(space)
    let a ~ shrinking(space, opens(now.fraction, alone))
    let (z, t) = (space[a, w](x), space[top, w](x))
    minimise cross_entropy(z, y) + follow * soft_cross_entropy(z, t) over w by opt
  }
  w
}
fn shrinking_top(space: Space) -> Arch { space.build(s => s.options[argsort([-o for o in s.options])[0]]) }

/// Small spaces with answers known by hand.
space steps(n: Int = 4, options: Int = 5) {
  let x = [choose 0..options for i in 0..n]
  encoding "{x join}"
  value x
}
test "a sum is climbed to its top, one site a move" {
  let s = steps()
  let path = climb(s, a => sum(s[a]), decode(s, "0000"), 100)
  expect last(path).score == 16 and len(path) == 5
  expect all(path[i].score < path[i + 1].score for i in 0..len(path) - 1)
}
test "a peak that hides behind a valley is not found from the far side" {
  let s = steps(1, 5)
  let height = a => [3, 1, 0, 2, 9][s[a][0]]
  // Neighbours differ in one site by any option, so the one-site space has no valleys …
  expect last(climb(s, height, decode(s, "0"), 10)).score == 9
  // … and two sites that only pay together do.
  let t = steps(2, 2)
  let pair = a => if t[a] == [1, 1] { 3 } else if t[a] == [0, 0] { 1 } else { 0 }
  expect last(climb(t, pair, decode(t, "00"), 10)).score == 1
  expect local_optimum(t, pair, decode(t, "00")) and local_optimum(t, pair, decode(t, "11")) and not local_optimum(t, pair, decode(t, "01"))
}
test "local search from many starts finds the better of two peaks" {
  let t = steps(2, 2)
  let pair = a => if t[a] == [1, 1] { 3 } else if t[a] == [0, 0] { 1 } else { 0 }
  expect local_search(t, pair, 4, 10)[0].score == 3
}
test "what is open" {
  expect [opened(5, s) for s in [0, 0.25, 0.5, 1]] == [1, 2, 3, 5]
}
/// Depth and widths, for the order in which they open.
space deep_and_wide(classes: Int = 4) {
  let depth = choose 1..=4
  let width = [choose [4, 6, 8] for i in 0..depth]
  encoding "{depth}:{width join -}"
  net(x: [n, 3, 16, 16]) -> [n, classes] { x |> repeat width as w { conv2d(w, 3) |> relu } |> mean(over: [2, 3]) |> linear(classes) }
}
test "depth opens first, then width, one option a phase" {
  let opens = depth_then_width(["depth"], 3, 2)
  // A quarter alone, then five phases of 15 per cent.
  let seen = [{ depth: opened(4, opens(f, 0.25)(depth_site())), width: opened(3, opens(f, 0.25)(width_site())) } for f in [0, 0.2, 0.26, 0.41, 0.56, 0.71, 0.86, 1]]
  expect [s.depth for s in seen] == [1, 1, 2, 3, 4, 4, 4, 4] and [s.width for s in seen] == [1, 1, 1, 1, 1, 2, 3, 3]
}
fn depth_site() -> Site { [s for s in sites(deep_and_wide) if s.name == "depth"][0] }
fn width_site() -> Site { [s for s in sites(deep_and_wide) if s.name == "width"][0] }
test "what is drawn is the largest first, and anything at last" {
  let drawn = f => [(~shrinking(deep_and_wide, depth_then_width(["depth"])(f, 0.25))) for i in 0..40]
  expect distinct([encode(a) for a in drawn(0)]) == ["4:8-8-8-8"]
  expect all(all(w == 8 for w in a.width) for a in drawn(0.4)) and len(distinct([a.depth for a in drawn(0.5)])) == 4
  expect len(distinct([a.width[0] for a in drawn(0.99)])) == 3
}
test "a training in that order" {
  let w = progressive_training(deep_and_wide, data.generated(96, 4, test: 4), sgd(constant(0.01)), 2, opens: depth_then_width(["depth"]), seed: 1)
  expect finite(deep_and_wide[deep_and_wide["2:4-6"].arch, w](ones[1, 3, 16, 16]))
}
