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
test "derived values" {
  expect size(widths) == 18
  expect size(widths where out == 24) == 6
  expect sample(widths where base == 24 and ratio == 0.75, 1)[0].out == 24
  expect size(mixed) == 2 * 16
}
