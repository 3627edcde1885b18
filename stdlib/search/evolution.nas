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
/// The same with a rate for each site: `rates({ depth: 0.4, dim: 0.4 }, 0.2)` are AutoFormer's (Chen et al. 2021), .4 for depth and width and .2 for what belongs to a layer.
fn mutate_at(space: Space, a: Arch, rate: Site -> Float) -> Arch {
  space.build(s => if ~bernoulli(rate(s)) { ~uniform(s.options) } else { a[s] else ~uniform(s.options) })
}
fn rates(named: Record, other: Rate = 0.1)(s: Site) -> Float { if s.name in keys(named) { named[s.name] } else { other } }
/// Two of the parents that go together: at most 50 tries, then any two. In AutoFormer they have one depth: `mates(parents, (a, b) => a.depth == b.depth)`.
fn mates(parents: [Arch], fit: (Arch, Arch) -> Bool) -> (Arch, Arch) {
  let tries = [(~uniform(parents), ~uniform(parents)) for i in 0..50]
  first([t for t in tries if fit(t.0, t.1)] ++ tries)
}
/// Each site from one parent or the other, at even odds; from the other where the one lacks it.
fn crossover(space: Space, a: Arch, b: Arch) -> Arch {
  space.build(s => if ~bernoulli(0.5) { a[s] else b[s] else ~uniform(s.options) } else { b[s] else a[s] else ~uniform(s.options) })
}
/// The evolution of single-path one-shot (Guo et al. 2020): parents are drawn from the `keep` best of all that was seen; each generation adds
/// `mutants` of one parent and `crossed` of two, and fills up with random members. Nothing is scored twice, nothing outside the space is made.
/// For AutoFormer's evolution give `by_site: rates({ depth: 0.4, dim: 0.4 }, 0.2)` and `fit: (a, b) => a.depth == b.depth`.
search spos_evolution(space: Space, score: Arch -> Score, population: Int = 50, generations: Int = 20, keep: Int = 10, mutants: Int = 25, crossed: Int = 25, rate: Rate = 0.1, by_site: Any = none, fit: Any = none) -> [Scored] {
  state seen = scored(sample(space, population), score)
  for generation in 0..generations {
    let parents = [s.arch for s in best_first(seen)][..min(keep, len(seen))]
    let children = [if by_site is none { ~mutate(space, ~uniform(parents), rate) } else { ~mutate_at(space, ~uniform(parents), by_site) } for i in 0..mutants]
      ++ [if fit is none { ~crossover(space, ~uniform(parents), ~uniform(parents)) } else { ~crossed_pair(space, ~mates(parents, fit)) } for i in 0..crossed]
      ++ [~anyone(space) for i in 0..max(0, population - mutants - crossed)]
    let known = [encode(s.arch) for s in seen]
    seen := seen ++ scored([a for a in distinct(children) if encode(a) not in known], score)
  }
  best_first(seen)
}
fn crossed_pair(space: Space, pair: (Arch, Arch)) -> Arch { ~crossover(space, pair.0, pair.1) }
fn anyone(space: Space) -> Arch { space.build(s => ~uniform(s.options)) }
/// Regularised evolution with a proxy (Abdelfattah et al. 2021): the queue starts with the best of `warm_up` random members by proxy, and a child is,
/// with probability `propose`, the proxy's best among its parent's neighbours; else one site changes at random.
search proxy_aging(space: Space, score: Arch -> Score, proxy: Arch -> Score, evaluations: Int, population: Int = 64, tournament: Int = 10, warm_up: Int = 0, propose: Rate = 0.75) -> [Scored] {
  let first = if warm_up > population { [s.arch for s in best_first(scored(sample(space, warm_up), proxy))][..population] } else { sample(space, population) }
  state queue = scored(first, score)
  state seen = queue
  for turn in 0..(evaluations - population) {
    let parent = best(~subset(queue, tournament))
    let child = scored([if ~bernoulli(propose) { best(scored(neighbours(space, parent.arch), proxy)).arch } else { ~one_gene(space, parent.arch) }], score)
    queue := drop(queue, 1) ++ child
    seen := seen ++ child
  }
  best_first(distinct(seen))
}
test "evolution climbs, and scores nothing twice" {
  let height = a => sum(few[a])
  let found = spos_evolution(few, height, population: 20, generations: 6, keep: 5, mutants: 8, crossed: 8, seed: 1)
  expect found[0].score > best(random_search(few, height, 20, seed: 1)).score and len(distinct([encode(s.arch) for s in found])) == len(found)
  expect len(found) <= 20 + 6 * 20
}
test "a proxy that is the truth leads straight up" {
  let height = a => sum(few[a])
  // 10 of 10,000 members, and 8 moves, each to the best neighbour of the best: 9 in every place.
  expect proxy_aging(few, height, height, 18, population: 10, tournament: 10, propose: 1, seed: 2)[0].score == 36
  expect proxy_aging(few, height, a => 0, 10, population: 10, warm_up: 100)[0].score <= 36
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
/// A depth, and a number for each layer that there is.
space layered {
  let depth = choose 2..=4
  let k = [choose 0..10 for i in 0..depth]
  encoding "{k join}"
  value k
}
test "rates by site, and parents of one depth" {
  let a = decode(layered, "5555")
  let r = rates({ depth: 0 }, 1)
  expect all(r(s) == (if s.name == "depth" { 0 } else { 1 }) for s in sites(a))
  expect all((~mutate_at(layered, a, r)).depth == 4 for i in 0..20)
  let same = (p, q) => p.depth == q.depth
  let parents = sample(layered, 12, seed: 2)
  let pairs = [(~mates(parents, same)) for i in 0..30]
  expect all(same(p.0, p.1) for p in pairs)
  expect spos_evolution(layered, b => sum(layered[b]), population: 20, generations: 5, keep: 5, mutants: 8, crossed: 8, by_site: rates({ depth: 0.4 }, 0.2), fit: same, seed: 1)[0].score > 20
}
