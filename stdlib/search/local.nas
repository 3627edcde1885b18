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

/// Once-for-all's order (Cai et al. 2020), by option numbers: in phase p of `phases` a site offers the share of its options that lies nearest to
/// the largest, one at first and all at last. Sites whose address starts with an `early` name open in the first half of the training, others in the second.
fn opened(options: Int, share: Float) -> Int { max(1, min(options, ceil(1 + (options - 1) * share - 1e-9))) }
fn shrinking(space: Space, share: Site -> Float) -> Arch {
  space.build(s => {
    let from_top = argsort([-o for o in s.options])
    let k ~ uniform([i for i in from_top[..opened(len(s.options), share(s))]])
    s.options[k]
  })
}
/// Progressive shrinking: the largest member alone, then ever more of each site's options, with the largest member's stopped logits as a second teacher.
trainer progressive_training(space: Space, data: Data, opt: Optimiser, epochs: Epochs, alone: Rate = 0.25, follow: Float = 1) -> Weights {
  weights w = init(space, entangled)
  for (x, y) in data.batches(64, epochs: epochs) {
    let share = clamp((now.fraction - alone) / (1 - alone), 0, 1)
    let top = shrinking_top(space)
    let a ~ shrinking(space, s => share)
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
