//! Numbers: rounding to multiples.

/// The multiple of `m` nearest to `x`, halves up, at least `m`; the next one where that is below the share `keep` of `x`.
/// `round_to(8, v, keep: 0.9)` is how widths are rounded since MobileNetV2 (Sandler et al. 2018, released code).
fn round_to(m: Int, x: Float, keep: Float = 0) -> Int {
  let near = max(m, floor((x + 0.5 * m) / m) * m)
  if near < keep * x { near + m } else { near }
}

test "multiples" {
  expect [round_to(8, v) for v in [1, 11.9, 12, 20, 44.8, 48]] == [8, 8, 16, 24, 48, 48]
  expect [round_to(8, v, keep: 0.9) for v in [44.8, 32, 17.6, 9.6, 11.9]] == [48, 32, 16, 16, 16] and round_to(4, 3.5) == 4 and round_to(5, 7.5) == 10
}
/// A width that follows from two choices.
space scaled_width() {
  let width = choose [16, 24, 40]
  let ratio = choose [0.5, 0.75, 1.0, 1.25]
  let out = round_to(8, width * ratio)
  net(x: [n, 3, 8, 8]) -> [n, out, 8, 8] { x |> conv2d(out, 1, bias: false) }
}
test "an open width stays open" {
  expect size(scaled_width where out == 24) == 3
  expect min(params(scaled_width)) == 3 * 8 and max(params(scaled_width)) == 3 * 48
}
