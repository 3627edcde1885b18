//! Several objectives at once: Pareto fronts, crowding, and NSGA-II (Deb et al. 2002). All objectives are maximised; give costs with a minus.
use search.evolution

/// Whether `a` is nowhere worse than `b`, and somewhere better.
fn dominates(a: [Float], b: [Float]) -> Bool { all(x >= y for (x, y) in zip(a, b)) and any(x > y for (x, y) in zip(a, b)) }
/// For each point, the number of points that dominate it: 0 on the front.
fn dominators(points: [[Float]]) -> [Int] { [count(q in points where dominates(q, p)) for p in points] }
/// Positions of the points that nothing dominates; equal points are all there.
fn pareto_front(points: [[Float]]) -> [Int] { [i for (n, i) in enumerate(dominators(points)) if n == 0] }
/// For each point, the number of its front: 0 is the Pareto front, 1 the front of what is left, and so on.
search front_ranks(points: [[Float]]) -> [Int] {
  let above = [[j for (q, j) in enumerate(points) if dominates(q, p)] for p in points]
  // A point stands one front behind the last of those that dominate it; each turn settles at least one front.
  state r = [0 for p in points]
  state moving = true
  for turn in points {
    let next = if moving { [if len(a) == 0 { 0 } else { max([r[j] for j in a]) + 1 } for a in above] } else { r }
    moving := next != r
    r := next
  }
  r
}
/// For each point, the sum over objectives of the gap between its neighbours on its front, over the objective's range there; ends are infinite (1e9).
fn crowding(points: [[Float]], ranks: [Int]) -> [Float] {
  [sum(gap([q[m] for (q, k) in zip(points, ranks) if k == r], x) for (x, m) in enumerate(p)) for (p, r) in zip(points, ranks)]
}
fn gap(front: [Float], x: Float) -> Float {
  let (below, above, range) = ([y for y in front if y < x], [y for y in front if y > x], max(front) - min(front))
  if len(below) == 0 or len(above) == 0 { 1e9 } else { (min(above) - max(below)) / range }
}
/// The area between a front of two objectives and a reference point that all its points dominate.
fn hypervolume(points: [[Float]], reference: [Float]) -> Float {
  let front = distinct([points[i] for i in pareto_front(points)])
  let by_first = [front[i] for i in order([p[0] for p in front])]
  sum((p[0] - reference[0]) * (p[1] - (if i == 0 { reference[1] } else { by_first[i - 1][1] })) for (p, i) in enumerate(by_first))
}

fn judged(archs: [Arch], score: Arch -> [Float]) -> [Record] { [{ arch: a, points: score(a) } for a in archs] }
/// The `n` best by front, then by crowding; ties by position.
fn selected(pool: [Record], n: Int) -> [Record] {
  let r = front_ranks([p.points for p in pool])
  let c = crowding([p.points for p in pool], r)
  top([{ arch: p.arch, points: p.points, front: r[i], crowding: c[i] } for (p, i) in enumerate(pool)], n, by: p => -p.front, ties: p => -p.crowding)
}
fn better(a: Record, b: Record) -> Record { if b.front < a.front or (b.front == a.front and b.crowding > a.crowding) { b } else { a } }
/// NSGA-II: binary tournaments on (front, crowding), uniform crossover, each gene drawn anew at a rate; the best of parents and children stay.
search nsga2(space: Space, score: Arch -> [Float], population: Int = 24, generations: Int = 10, rate: Float = 0.1) -> [Record] {
  state pool = selected(judged(sample(space, population), score), population)
  for generation in 0..generations {
    let children = [~child_of(space, pool, rate) for i in 0..population]
    pool := selected(distinct(pool ++ judged(children, score)), population)
  }
  [p for p in pool if p.front == 0]
}
fn child_of(space: Space, pool: [Record], rate: Float) -> Arch {
  let (a, b) = (better(~uniform(pool), ~uniform(pool)), better(~uniform(pool), ~uniform(pool)))
  let crossed ~ crossover(space, a.arch, b.arch)
  ~mutate(space, crossed, rate)
}

test "fronts of points known by hand" {
  let p = [[1, 5], [2, 4], [3, 1], [1, 4], [2, 1], [1, 1]]
  expect pareto_front(p) == [0, 1, 2]
  expect front_ranks(p) == [0, 0, 0, 1, 1, 2]
  expect dominators(p) == [0, 0, 0, 2, 2, 5]
}
test "a chain is as many fronts; equal points share one" {
  expect front_ranks([[1, 1], [2, 2], [3, 3], [4, 4]]) == [3, 2, 1, 0]
  expect front_ranks([[1, 1], [1, 1], [0, 2]]) == [0, 0, 0]
}
test "crowding: the ends are infinite, the middle has its neighbours' gap" {
  let p = [[0, 4], [1, 2], [4, 0]]
  let c = crowding(p, front_ranks(p))
  expect c[0] > 1e8 and c[1] == 2 and c[2] > 1e8
}
test "area under a staircase" {
  expect hypervolume([[1, 3], [2, 2], [3, 1]], [0, 0]) == 6
  expect hypervolume([[1, 3], [2, 2], [3, 1], [1, 1]], [0, 0]) == 6
}
/// Three options a site: the first objective counts 2s, the second 0s; the front is every member without a 1.
space toss(n: Int = 4) {
  let x = [choose 0..3 for i in 0..n]
  encoding "{x join}"
  value x
}
test "NSGA-II finds the front of a space where it is known" {
  let s = toss()
  let score = a => [count(v in s[a] where v == 2), count(v in s[a] where v == 0)]
  let points = [score(a) for a in s]
  expect len(distinct([points[i] for i in pareto_front(points)])) == 5
  let front = nsga2(s, score, 16, 12, seed: 1)
  expect all(sum(p.points) == 4 for p in front) and len(distinct([p.points for p in front])) == 5
}
