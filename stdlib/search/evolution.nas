//! Searches over architectures. `state` is what the turns carry; a member outside the space cannot be made.

fn scored(archs: [Arch], score: Arch -> Score) -> [Scored] { [{ arch: a, score: score(a) } for a in archs] }
search random_search(space: Space, score: Arch -> Score, n: Int) -> [Scored] { best_first(scored(sample(space, n), score)) }
/// One site changed: a neighbour. Sites at which the conditions of the space leave no other option are passed over.
fn one_gene(space: Space, a: Arch) -> Arch {
  let s ~ uniform([s for s in sites(a) if len(neighbours(space, a, at: s)) > 0])
  ~uniform(neighbours(space, a, at: s))
}
/// Regularised evolution (Real et al. 2019): a queue, a tournament, the oldest dies.
search aging(space: Space, score: Arch -> Score, evaluations: Int, population: Int = 32, tournament: Int = 8) -> [Scored] {
  state queue = scored(sample(space, population), score)
  state seen = queue
  for turn in 0..(evaluations - population) {
    let parent = best(~subset(queue, tournament))
    let child = scored([~one_gene(space, parent.arch)], score)
    queue := drop(queue, 1) ++ child
    seen := seen ++ child
  }
  best_first(distinct(seen))
}
/// Each site drawn anew at a rate; what the other choices take away or bring in is drawn where it is missing.
fn mutate(space: Space, a: Arch, rate: Float) -> Arch {
  space.build(s => if ~bernoulli(rate) { ~uniform(s.options) } else { a[s] else ~uniform(s.options) })
}
/// Each site from one parent or the other, at even odds; from the other where the one lacks it.
fn crossover(space: Space, a: Arch, b: Arch) -> Arch {
  space.build(s => if ~bernoulli(0.5) { a[s] else b[s] else ~uniform(s.options) } else { b[s] else a[s] else ~uniform(s.options) })
}
test "a seed says what a search draws, its first members included" {
  let start = s => [r.arch for r in random_search(few, a => 0, 4, seed: s)]
  expect encode(start(1)[0]) == encode(start(1)[0]) and start(1) == start(1)
  expect len(distinct([encode(start(s)[0]) for s in 0..8])) > 1
}
space few {
  let k = [choose 0..10 for i in 0..4]
  encoding "{k join}"
  value k
}
