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
/// The volume between points and a reference: what of the space above the reference some point dominates, for any number of objectives. A point that is not above the
/// reference everywhere adds nothing.
fn hypervolume(points: [[Float]], reference: [Float]) -> Float {
  let above = [p for p in points if all(x > r for (x, r) in zip(p, reference))]
  // One objective after the other is cut into slabs, the last one first.
  let parts = [{ thick: 1, points: above }] |> repeat reverse(reference[1..]) as low { all => [s for a in all for s in slabs(a, low)] }
  sum([p.thick * (max([q[0] for q in p.points]) - reference[0]) for p in parts], empty: 0)
}
/// Slabs of the last objective, from the highest down: each as thick as to the next point or to `low`, with the points that reach it, in one objective less.
fn slabs(part: Record, low: Float) -> [Record] {
  let down = [part.points[i] for i in order([last(p) for p in part.points])]
  let heights = [last(p) for p in down] ++ [low]
  [{ thick: part.thick * (heights[i] - heights[i + 1]), points: [drop(q, last: 1) for q in down[..i + 1]] } for i in 0..len(down) if heights[i] > heights[i + 1]]
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
test "volumes in one, three and four objectives, by hand" {
  expect hypervolume([[3], [5]], [1]) == 4
  expect hypervolume([[1, 1, 1], [2, 2, 2]], [0, 0, 0]) == 8
  // Two boxes of 2 x 1 x 1 and 1 x 2 x 1 that share 1 x 1 x 1, and one of 1 x 1 x 2 that shares as much with both: 1 + 3 x 1.
  expect hypervolume([[2, 1, 1], [1, 2, 1], [1, 1, 2]], [0, 0, 0]) == 4
  expect hypervolume([[1, 1, 1, 1], [2, 2, 2, 0.5]], [0, 0, 0, 0]) == 1 + 8 * 0.5 - 0.5
  expect hypervolume([[1, 1], [2, -1]], [0, 0]) == 1 and hypervolume([[-1, -1]], [0, 0]) == 0 and hypervolume([], [0, 0]) == 0
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
/// ZDT1 (Zitzler et al. 2000) on a grid: the first objective is x, the second g (1 - sqrt(x / g)), both to be small; the front is where every y is 0, and g is 1.
space zdt1() {
  let x = choose 0..=10
  let y = [choose 0..=4 for i in 0..4]
  encoding "{x}:{y join}"
  value [x / 10, 1 + 9 * sum(y) / 16]
}
fn zdt1_points(a: Arch) -> [Float] { [-zdt1[a][0], -zdt1[a][1] * (1 - sqrt(zdt1[a][0] / zdt1[a][1]))] }
test "NSGA-II on ZDT1 comes to the front, and by its own generations" {
  expect size(zdt1) == 11 * 5 ^ 4
  let best = hypervolume([[-x / 10, sqrt(x / 10) - 1] for x in 0..=10], [-1.1, -10])
  let front = nsga2(zdt1, zdt1_points, 40, 25, seed: 1)
  let found = hypervolume([p.points for p in front], [-1.1, -10])
  let at_random = hypervolume([zdt1_points(a) for a in sample(zdt1, 1_040, seed: 1)], [-1.1, -10])
  expect found <= best + 1e-9 and found > 0.97 * best and found > at_random
}
test "crowding of five points by hand" {
  // Ranges 8 and 8: (1, 8) and (9, 0) are the ends; (2, 5) has 4 - 1 and 8 - 3, (4, 3) has 5 - 2 and 5 - 1, (5, 1) has 9 - 4 and 3 - 0.
  let p = [[1, 8], [2, 5], [4, 3], [5, 1], [9, 0]]
  let c = crowding(p, front_ranks(p))
  expect c[0] > 1e8 and c[4] > 1e8
  expect c[1] == 3 / 8 + 5 / 8 within 1e-12 and c[2] == 3 / 8 + 4 / 8 within 1e-12 and c[3] == 5 / 8 + 3 / 8 within 1e-12
}
