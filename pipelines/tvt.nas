//! TVT: which vision transformer learns best from a convolutional teacher, judged without training it?
//! `main` scores the 300 students whose accuracies were released (needs `vit_bench` and `cifar10` under --data); `reduced` trains small
//! students on generated images, with and without a teacher.
use spaces.vit
use nets.small
use search.{proxies, more_proxies, train, tvt}
use std.metrics.kendall_tau

table autoformers of autoformer(100) from "vit_bench/autoformer.csv" {
  key arch from "{hidden_dim} {mlp_ratio by {3.5: 3, 4.0: 4}} {num_heads join}"
  pool: Int from "set"
  super: Percent from "imagenet_super_acc"
  c100_base: Percent? from "c100_base_acc"
  c100: Percent from "c100_kd_acc"
  flower_base: Percent? from "flower_base_acc"
  flower: Percent from "flower_kd_acc"
  chaoyang_base: Percent? from "chaoyang_base_acc"
  chaoyang: Percent from "chaoyang_kd_acc"
}
table pits of pit(100) from "vit_bench/pit.csv" {
  key arch from "{base_dim} {mlp_ratio} {depth join .} {num_heads join .}"
  c100_base: Percent from "c100_base_acc"
  c100: Percent from "c100_kd_acc"
  flower_base: Percent from "flower_base_acc"
  flower: Percent from "flower_kd_acc"
  chaoyang_base: Percent from "chaoyang_base_acc"
  chaoyang: Percent from "chaoyang_kd_acc"
}

let classes = { c100: 100, flower: 102, chaoyang: 4 }
/// tau-b and Spearman's rho of a score against the distilled accuracies on one data set.
fn both(score: [Float], truth: [Float]) -> Record { { tau: kendall_tau.b(score, truth), rho: spearman(score, truth) } }
/// Each score of a record against each data set; a score of the number of classes is asked for each.
fn against(rows: [Record], scores: Record) -> Record { { n: { d: both(f(k), [r[d] for r in rows]) for (d, k) in classes } for (n, f) in scores } }
/// A random score: mean and standard deviation of tau over 20.
fn by_chance(rows: [Record]) -> Record {
  let taus = { d: [kendall_tau.b(shuffle([r[d] for r in rows], seed: s), [r[d] for r in rows]) for s in 0..20] for d in keys(classes) }
  { d: { mean: mean(t), std: std(t) } for (d, t) in taus }
}
/// Both terms of one untrained student, and the first one with an untrained teacher; one forward pass of the student for all.
search terms(student: Net{patches}, teacher: Net{features}, other: Net{features}, batch: { x: Tensor, y: Tensor }, deviation: Float) -> Record {
  let net ~ started(student, deviation)
  let (s, t) = (student.input[1], teacher.input[1])
  let map = trace(net, resized(batch.x, s, s)).patches
  let x = resized(batch.x, t, t)
  { aware: -attention_distance(map, trace(teacher, x).features), untaught: -attention_distance(map, trace(other, x).features), capable: sum(norm(w) for w in weights_of(net)) }
}
fn merges(s: [Record]) -> Record {
  let (aware, capable) = ([t.aware for t in s], [t.capable for t in s])
  { aware: k => aware, untaught: k => [t.untaught for t in s], capable: k => capable, tvt: k => merged(aware, capable), by_rank: k => merged_by_rank(aware, capable) }
}
fn parameters(space: Space, rows: [Record]) -> [Int] { [params(space[r.arch]) for r in rows] }
fn of_autoformers(rows: [Record]) -> Record {
  against(rows, {
    params: k => parameters(autoformer(k), rows),
    norms: k => tied([expected_autoformer(r.arch.dim, [l.ratio for l in r.arch.layers], k) for r in rows]),
    depth: k => [r.arch.depth for r in rows],
    width: k => [r.arch.dim for r in rows],
  })
}
fn of_pits(rows: [Record]) -> Record {
  against(rows, {
    params: k => parameters(pit(k), rows),
    norms: k => tied([expected_pit(r.arch.base, r.arch.ratio, r.arch.depth, r.arch.heads, k) for r in rows]),
    depth: k => [sum(r.arch.depth) for r in rows],
    width: k => [r.arch.base * r.arch.heads[2] for r in rows],
  })
}
fn taught_against_plain(rows: [Record]) -> Record {
  { c100: kendall_tau.b([r.c100_base for r in rows], [r.c100 for r in rows]), flower: kendall_tau.b([r.flower_base for r in rows], [r.flower for r in rows]), chaoyang: kendall_tau.b([r.chaoyang_base for r in rows], [r.chaoyang for r in rows]) }
}

pipeline main(images: Int = 4, teacher_steps: Int = 150, members: Int = 100) {
  let rows = { a: (autoformers where pool == 1)[..members], b: (autoformers where pool == 2)[..members], pit: (pits where c100 > 0)[..members] }
  // What the architecture alone says.
  let exact = { a: of_autoformers(rows.a), b: of_autoformers(rows.b), pit: of_pits(rows.pit) }

  // What one batch of images says: the students are untrained, the teacher is trained on CIFAR-10.
  let cifar = data.cifar10("cifar10").take(6_000).split(train: 0.8, valid: 0.2)
  let other = small_resnet(1, 10)
  let teacher = other[fit(other, cifar.train, teacher_steps, sgd(cosine(0.1 -> 0), momentum: 0.9, decay: 5e-4), seed: 0)]
  let batch = cifar.valid.batch(images)
  let (vits, pit_nets) = (autoformer(100), pit(100))
  let seen = {
    a: [terms(vits[r.arch], teacher, other, batch, 0.02) for r in rows.a],
    b: [terms(vits[r.arch], teacher, other, batch, 0.02) for r in rows.b],
    pit: [terms(pit_nets[r.arch], teacher, other, batch, 0) for r in rows.pit],
  }
  let tau = { p: against(rows[p], merges(s)) for (p, s) in seen }
  let cells = [{ pool: p, data: d, tvt: tau[p].tvt[d].tau, aware: tau[p].aware[d].tau, capable: tau[p].capable[d].tau, depth: exact[p].depth[d].tau, params: exact[p].params[d].tau } for p in keys(rows), d in keys(classes)]

  report exact, tau, cells
  report chance: { p: by_chance(r) for (p, r) in rows }, taught_against_plain: { a: taught_against_plain(rows.a), pit: taught_against_plain(rows.pit) }
  report teacher_accuracy: accuracy(teacher, cifar.valid)
  report above_both_terms: count(c in cells where c.tvt >= max(c.aware, c.capable)), above_depth: count(c in cells where c.tvt > c.depth), above_params: count(c in cells where c.tvt > c.params)
  expect count(c in cells where c.tvt >= max(c.aware, c.capable)) >= 5
  expect taught_against_plain(rows.a).c100 < 0 and taught_against_plain(rows.pit).c100 > 0.7
  budget 40 minutes, 4 GB
}

/// What scores that were made for training without a teacher say of the same students: SNIP, SynFlow, NASWOT on what goes into each gelu, and DSS, beside parameters and depth.
pipeline rivals(images: Int = 4, members: Int = 100) {
  let rows = { a: (autoformers where pool == 1)[..members], b: (autoformers where pool == 2)[..members], pit: (pits where c100 > 0)[..members] }
  let batch = data.cifar10("cifar10").take(1_000).map(x => resized(x, 224, 224)).batch(images)
  let spaces = { a: autoformer(100), b: autoformer(100), pit: pit(100) }
  let scores = { p: [{ snip: snip(spaces[p][r.arch], batch), synflow: log(synflow(spaces[p][r.arch])), naswot: naswot_gelu(spaces[p][r.arch], batch), dss: dss(spaces[p][r.arch]), params: params(spaces[p][r.arch]) } for r in rs] for (p, rs) in rows }
  report { p: { n: { d: kendall_tau.b([s[n] for s in scores[p]], [r[d] for r in rows[p]]) for d in keys(classes) } for n in ["snip", "synflow", "naswot", "dss", "params"] } for p in keys(rows) }
  budget 60 minutes, 8 GB
}

/// Small transformers on generated images: 16 x 16, patches of 4.
pipeline reduced(students: Int = 6, steps: Int = 80, seeds: [Int] = [0, 1], teacher_steps: Int = 80) {
  let space = autoformer(10, dims: [24, 32, 48], depths: 2..=4, ratios: [2.0, 3.0], head_counts: [2, 4], side: 16, patch: 4)
  let images = data.generated(1_200, test: 400).split(train: 0.75, valid: 0.25)
  let other = small_resnet(1, 10, width: 8, side: 16)
  let teacher = other[fit(other, images.train, teacher_steps, sgd(cosine(0.1 -> 0), momentum: 0.9, decay: 5e-4), seed: 0)]
  let opt = adamw(cosine(2e-3 -> 1e-5), decay: 0.05)
  let archs = sample(space, students)
  let plain = [[accuracy(space[a][fit(space[a], images.train, steps, opt, seed: s)], images.valid) for s in seeds] for a in archs]
  let kd = [[accuracy(space[a][taught(space[a], teacher, 32, images.train, steps, opt, seed: s)], images.valid) for s in seeds] for a in archs]
  let (base, best) = ([mean(p) for p in plain], [mean(p) for p in kd])
  let both_terms = [terms(space[a], teacher, other, images.valid.batch(32), 0.02) for a in archs]
  let (aware, capable) = ([t.aware for t in both_terms], [t.capable for t in both_terms])

  report teacher: accuracy(teacher, images.valid), base, taught: best, gain: mean(best) - mean(base), std_over_seeds: mean([std(k) for k in kd])
  report tau: { base: kendall_tau.b(base, best), aware: kendall_tau.b(aware, best), capable: kendall_tau.b(capable, best), tvt: kendall_tau.b(merged(aware, capable), best), depth: kendall_tau.b([a.depth for a in archs], best), params: kendall_tau.b([params(space[a]) for a in archs], best) }
  budget 10 minutes, 2 GB
}

test "what the architecture alone says of the released accuracies" {
  let (a, b, p) = (of_autoformers(autoformers where pool == 1), of_autoformers(autoformers where pool == 2), of_pits(pits where c100 > 0))
  // tau-b, rho for CIFAR-100, Flowers, Chaoyang; differences of norms below 1e-9 are ties.
  expect all(abs(x - y) < 0.0006 for (x, y) in zip([a.params[d].tau for d in keys(classes)] ++ [a.norms[d].tau for d in keys(classes)], [0.548, 0.700, 0.315, 0.616, 0.729, 0.294]))
  expect all(abs(x - y) < 0.0006 for (x, y) in zip([a.params[d].rho for d in keys(classes)] ++ [a.norms[d].rho for d in keys(classes)], [0.717, 0.855, 0.447, 0.811, 0.875, 0.414]))
  expect all(abs(x - y) < 0.0006 for (x, y) in zip([b.params[d].tau for d in keys(classes)] ++ [b.norms[d].tau for d in keys(classes)], [0.416, 0.744, 0.374, 0.512, 0.747, 0.357]))
  expect all(abs(x - y) < 0.0006 for (x, y) in zip([p.params[d].tau for d in keys(classes)] ++ [p.norms[d].tau for d in keys(classes)], [0.817, 0.865, 0.564, 0.778, 0.851, 0.617]))
  // Depth alone does as well on AutoFormer.
  expect a.depth.c100.tau within 0.005 of 0.67 and b.depth.c100.tau within 0.005 of 0.75
}
test "a teacher changes the ranking of AutoFormers, and not that of PiTs" {
  expect taught_against_plain(autoformers where pool == 1).c100 within 0.0006 of -0.266
  expect taught_against_plain(pits where c100 > 0).c100 within 0.0006 of 0.789
}
test "what distillation gives, and whether it keeps the ranking" {
  let (a, p) = (autoformers where pool == 1, pits where c100 > 0)
  let gain = rows => [mean([r.c100 - r.c100_base for r in rows]), mean([r.flower - r.flower_base for r in rows]), mean([r.chaoyang - r.chaoyang_base for r in rows])]
  expect all(abs(x - y) < 0.0006 for (x, y) in zip(gain(a), [0.088, 0.142, 0.031])) and all(abs(x - y) < 0.0006 for (x, y) in zip(gain(p), [0.030, 0.090, 0.010]))
  let kept = rows => values(taught_against_plain(rows))
  expect all(abs(x - y) < 0.006 for (x, y) in zip(kept(a), [-0.27, 0.28, -0.08])) and all(abs(x - y) < 0.006 for (x, y) in zip(kept(p), [0.79, 0.82, 0.52]))
}
test "depth ranks distilled AutoFormers, and plain ones backwards; one outlier spoils Pearson and not tau" {
  let a = autoformers where pool == 1
  expect kendall_tau.b([r.arch.depth for r in a], [r.c100_base for r in a]) within 0.005 of -0.11
  let outlier = [r for r in a if r.flower < 60%]
  expect len(outlier) == 1 and abs(outlier[0].flower - 48.56%) < 0.0001 and outlier[0].arch.dim == 240 and outlier[0].arch.depth == 14
  expect pearson(parameters(autoformer(102), a), [r.flower for r in a]) within 0.006 of 0.23
}
test "parameters in closed form, for all 300 students" {
  expect len(autoformers where pool == 1) == 100 and len(autoformers where pool == 2) == 100 and len(pits where c100 > 0) == 100
  let (vits, pit_rows) = (autoformers where pool > 0, pits where c100 > 0)
  expect all(params(autoformer(k)[r.arch]) == autoformer_params(r.arch, k) for r in vits, k in [100, 4])
  expect all(params(pit(k)[r.arch]) == pit_params(r.arch, k) for r in pit_rows, k in [100, 4])
}
fn autoformer_params(a: Arch, classes: Int) -> Int {
  let h = a.dim
  769 * h + h + 197 * h + sum(4 * h * h + 4 * h + 2 * h * floor(l.ratio * h) + floor(l.ratio * h) + h + 4 * h for l in a.layers) + 2 * h + h * classes + classes
}
fn pit_params(a: Arch, classes: Int) -> Int {
  let d = [a.base * h for h in a.heads]
  let r = a.ratio
  770 * d[0] + 729 * d[0] + sum(l * (4 * e * e + 4 * e + 2 * r * e * e + r * e + e + 4 * e) for (l, e) in zip(a.depth, d)) + sum(10 * d[i] + d[i - 1] * d[i] + d[i] for i in 1..3) + 2 * d[2] + d[2] * classes + classes
}
