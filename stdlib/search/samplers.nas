//! Who sees this mini-batch? A sampler draws and returns a record of roles for one optimiser step.
// One primitive: `space.build(f)` walks the sites in order and asks f for an option at each that exists.

/// Each site uniform (single path one-shot). Where depth is open this is not uniform over members.
fn by_site(space: Space) -> Arch { space.build(s => ~uniform(s.options)) }
/// One random path.
fn single(space: Space) -> { a: Arch } { { a: ~by_site(space) } }
/// FairNAS's strict fairness (Chu et al. 2021): one permutation a site; subnet k takes the k-th entry of each, so that with m options everywhere every option is used once. A site with
/// fewer options than m goes round its permutation; none is used twice before all are.
fn fair(space: Space, m: Int) -> { subnets: [Arch] } {
  let order = { s.address: ~shuffle(s.options) for s in sites(space) }
  { subnets: [space.build(s => order[s.address][k % len(s.options)]) for k in 0..m] }
}
/// Two members with at least a margin between them; at most ten tries, then any second one.
fn margin_pairs(space: Space, distance: (Arch, Arch) -> Float, margin: Float) -> { a: Arch, b: Arch } {
  let a ~ by_site(space)
  let b ~ by_site(space) where distance(a, b) >= margin within 10 else by_site(space)
  { a: a, b: b }
}
/// Two members, drawn apart.
fn random_pairs(space: Space) -> { a: Arch, b: Arch } { { a: ~by_site(space), b: ~by_site(space) } }
/// Sites with different options, over the sites both have.
fn hamming(a: Arch, b: Arch) -> Float { count(s in sites(a) where not (a[s] is b[s])) }
/// 0 for the same option of an edge, 1/2 within a group of options, 2 across groups.
fn group_distance(groups: [[Option]])(a: Arch, b: Arch) -> Float {
  sum(if a[s] is b[s] { 0 } else if any(a[s] in g and b[s] in g for g in groups) { 0.5 } else { 2 } for s in sites(a))
}

/// Four sites of three options.
space quarters() {
  let x = [choose 0..3 for i in 0..4]
  encoding "{x join}"
  value x
}
test "fair uses each option of each site once" {
  let s = quarters()
  let r ~ fair(s, 3)
  expect all(sort([s[a][i] for a in r.subnets]) == [0, 1, 2] for i in 0..4)
}
/// Two sites of two and of three options.
space uneven() {
  let (a, b) = (choose [1, 2], choose [1, 2, 3])
  encoding "{a}{b}"
  value [a, b]
}
test "with fewer options than subnets a site goes round" {
  let r ~ fair(uneven, 3)
  expect sort([uneven[a][1] for a in r.subnets]) == [1, 2, 3]
  expect len(distinct([uneven[a][0] for a in r.subnets])) == 2
  let six ~ fair(uneven, 6)
  expect sort([uneven[a][0] for a in six.subnets]) == [1, 1, 1, 2, 2, 2] and sort([uneven[a][1] for a in six.subnets]) == [1, 1, 2, 2, 3, 3]
}
test "pairs lie apart where ten tries allow it" {
  let s = quarters()
  let pairs = [(~margin_pairs(s, hamming, 3)) for i in 0..50]
  // Of two random members 16 of 27 pairs of the 81 differ in three sites or more: ten tries hardly ever fail.
  expect count(p in pairs where hamming(p.a, p.b) >= 3) >= 48
  expect hamming(decode(s, "0120"), decode(s, "0021")) == 2 and group_distance([[0, 1]])(decode(s, "0120"), decode(s, "1020")) == 1
}
