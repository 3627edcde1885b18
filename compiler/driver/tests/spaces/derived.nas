//! Values that follow from choices: rounding, division, ties; shapes and costs of nets made of them.
fn round_to(m: Int, x) -> Int { m * ceil(x / m) }
space widths {
  let base = choose [16, 24, 32]
  let ratio = choose [0.5, 0.75, 1.0]
  let out = round_to(8, base * ratio)
  let half = ceil(out / 2)
  let k = choose [1, 3]
  net(x: [n, 3, 8, 8]) -> [n, half, 8, 8] { x |> conv2d(out, k, bias: false) |> conv2d(half, 1, bias: false) }
}
space mixed {
  let dim = choose [192, 216]
  let layers = [{ ratio: choose [3.5, 4.0], heads: choose { few: 3, many: 4 } } for layer in 0..2]
  net(x: [n, 8, 192]) -> [n, 8, dim] {
    x |> linear(dim) |> repeat layers as l { x => x |> linear(64 * l.heads) |> linear(floor(l.ratio * dim)) |> linear(dim) }
  }
}
// `round`, `floor` and `ceil` to a step, of what is open, by a step that may be open itself.
space stepped {
  let base = choose [16, 24, 40]
  let ratio = choose [0.5, 0.75, 1.0, 1.25]
  let step = choose [4, 8]
  let (near, below, above) = (round(base * ratio, to: step), floor(base * ratio, to: step), ceil(base * ratio, to: 5))
  net(x: [n, 3, 8, 8]) -> [n, near, 8, 8] { x |> conv2d(above, 1, bias: false) |> conv2d(near, 1, bias: false) }
}
test "steps" {
  expect size(stepped) == 24 and size(stepped where near == 24) == 2 and size(stepped where above == 20) == 8
  expect all(stepped[a].arch.near == near_of(stepped[a].arch) for a in sample(stepped, 24))
  expect min(params(stepped)) == 10 * 3 + 10 * 8 and max(params(stepped)) == 50 * 3 + 50 * 48
  expect rejected { round(7, to: 0) } and rejected { round(7.5, to: -1) } and round(7, to: 5) == 5 and round(7.3, to: 0.5) == 7.5
}
fn near_of(a: stepped) -> Int { a.step * round(a.base * a.ratio / a.step) }
test "derived values" {
  expect size(widths) == 18
  expect size(widths where out == 24) == 6
  expect sample(widths where base == 24 and ratio == 0.75, 1)[0].out == 24
  expect size(mixed) == 2 * 16
}
