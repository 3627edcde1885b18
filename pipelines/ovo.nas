//! OVO in small: one student space, four ways to meet a teacher, at equal student steps. Needs `cifar10` under --data;
//! `reduced` is a small form on generated images.
use search.{train, evolution, ovo, sharing}

pipeline main(real: Bool = true, seeds: [Int] = [0, 1, 2], epochs: Int = 15, images: Int = 4_000, members: Int = 30, judge: Int = 800, evaluations: Int = 60) {
  let student = small_vit()
  let teacher = elastic_cnn()
  let source = if real { data.cifar10("cifar10").take(images).map(halved) } else { data.generated(images, test: 100) }
  let parts = source.split(train: 0.8, valid: 0.2)
  let jury = parts.valid.take(judge)
  let train = ovo(teacher, student, parts.train, roles: _, epochs: epochs, alpha: _, mutual: _, seed: _)
  let runs = {
    none: [train(roles: independent, alpha: 0, mutual: 0, seed: s) for s in seeds],
    fixed: [train(roles: largest_teacher, alpha: 0.5, mutual: 0, seed: s) for s in seeds],
    sampled: [train(roles: independent, alpha: 0.5, mutual: 0, seed: s) for s in seeds],
    matched: [train(roles: matched(slices(teacher, student)), alpha: 0.5, mutual: 0, seed: s) for s in seeds],
    both_ways: [train(roles: independent, alpha: 0.5, mutual: 0.5, seed: s) for s in seeds],
  }
  let archs = sample(student, members)
  let accuracies = { name: [[accuracy(student[a, r.student], jury) for a in archs] for r in rs] for (name, rs) in runs }
  let average = { name: [mean(row) for row in rows] for (name, rows) in accuracies }

  let window = student where params in 80_000 params ..= 120_000 params
  let found = aging(window, a => accuracy(student[a, runs.sampled[0].student], jury), evaluations, population: 16)
  let winner = best(found)
  let fresh = fit(student[winner.arch], parts.train, epochs * floor(images * 0.8 / 64), adamw(cosine(1e-3 -> 1e-5), decay: 0.05), seed: 1)

  report mean: { name: mean(m) for (name, m) in average }, deviation: { name: std(m) for (name, m) in average }
  report spread: { name: mean([std(row) for row in rows]) for (name, rows) in accuracies }
  report teacher: [accuracy(recalibrate(teacher[largest(teacher), r.teacher], parts.train), jury) for r in runs.sampled]
  report winner: winner.arch, params: params(student[winner.arch]), inherited: winner.score, retrained: accuracy(student[winner.arch][fresh], jury)
  expect mean(average.sampled) > mean(average.none)
  expect mean(average.sampled) >= mean(average.fixed) - 0.01
  budget 40 minutes, 2 GB
}

/// Three arms and a search, small enough for a first look. Generated images; no data are needed.
pipeline reduced(seeds: [Int] = [0, 1], epochs: Int = 4, images: Int = 1_000, members: Int = 10, evaluations: Int = 20) {
  let (student, teacher) = (small_vit(), elastic_cnn())
  let parts = data.generated(images, test: 100).split(train: 0.8, valid: 0.2)
  let train = ovo(teacher, student, parts.train, roles: _, epochs: epochs, alpha: _, seed: _)
  let runs = {
    none: [train(roles: independent, alpha: 0, seed: s) for s in seeds],
    fixed: [train(roles: largest_teacher, alpha: 0.5, seed: s) for s in seeds],
    sampled: [train(roles: independent, alpha: 0.5, seed: s) for s in seeds],
  }
  let archs = sample(student, members)
  let accuracies = { name: [[accuracy(student[a, r.student], parts.valid) for a in archs] for r in rs] for (name, rs) in runs }
  let window = student where params in 80_000 params ..= 120_000 params
  let found = aging(window, a => accuracy(student[a, runs.sampled[0].student], parts.valid), evaluations, population: 8)
  let winner = best(found)
  report mean: { name: mean([mean(row) for row in rows]) for (name, rows) in accuracies }, spread: { name: mean([std(row) for row in rows]) for (name, rows) in accuracies }
  report teacher: [accuracy(recalibrate(teacher[largest(teacher), r.teacher], parts.train), parts.valid) for r in runs.sampled]
  report winner: winner.arch, params: params(student[winner.arch]), inherited: winner.score
  budget 5 minutes, 2 GB
}
/// A teacher's space that was trained before, as long as the students are, and stays as it is: soft and hard labels, the largest teacher, and co-sampled ones, against none.
pipeline frozen(real: Bool = true, seeds: [Int] = [0, 1, 2], epochs: Int = 15, images: Int = 4_000, members: Int = 30, judge: Int = 800) {
  let (student, teacher) = (small_vit(), elastic_cnn())
  let source = if real { data.cifar10("cifar10").take(images).map(halved) } else { data.generated(images, test: 100) }
  let parts = source.split(train: 0.8, valid: 0.2)
  let jury = parts.valid.take(judge)
  let taught = [single_path_training(teacher, parts.train, entangled, sgd(cosine(0.05 -> 1e-3), momentum: 0.9, decay: 5e-4), epochs, seed: s) for s in seeds]
  let learn = (i, roles, alpha, by) => ovo_frozen(teacher, taught[i], student, parts.train, roles: roles, epochs: epochs, alpha: alpha, by: by, seed: seeds[i])
  let runs = {
    none: [learn(i, independent, 0, online) for i in 0..len(seeds)],
    largest: [learn(i, largest_teacher, 0.5, online) for i in 0..len(seeds)],
    sampled: [learn(i, independent, 0.5, online) for i in 0..len(seeds)],
    hard: [learn(i, independent, 0.5, hard) for i in 0..len(seeds)],
  }
  let archs = sample(student, members)
  let accuracies = { name: [[accuracy(student[a, r], jury) for a in archs] for r in rs] for (name, rs) in runs }
  let average = { name: [mean(row) for row in rows] for (name, rows) in accuracies }
  report mean: { name: mean(m) for (name, m) in average }, deviation: { name: std(m) for (name, m) in average }
  report spread: { name: mean([std(row) for row in rows]) for (name, rows) in accuracies }
  report teacher: [accuracy(recalibrate(teacher[largest(teacher), w], parts.train), jury) for w in taught]
  expect mean(average.sampled) > mean(average.none)
  budget 40 minutes, 2 GB
}
