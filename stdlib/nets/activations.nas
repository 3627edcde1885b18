//! Activations that only some nets use; those of core are always in scope.

/// Klambauer et al. 2017.
block selu(x: [..s]) -> [..s] { tally("activation", 1.0507009873554805 * (rectify(x) + 1.6732632423543772 * (exp(min(x, 0)) - 1))) }
/// He et al. 2015: below 0 a slope that is learned, one for all channels.
block prelu(start: Float = 0.25)(x: [..s]) -> [..s] {
  param slope: [1] = start
  tally("activation", rectify(x) - slope * rectify(-x))
}

test "by hand" {
  expect selu([-1.0, 0, 2])[0] == 1.0507009873554805 * 1.6732632423543772 * (exp(-1) - 1) within 1e-5 and selu([-1.0, 0, 2])[2] == 2.101402 within 1e-5
  expect params(prelu(), on: [3, 4, 4]) == 1 and prelu(0.5)([-2.0, 3]) == [-1, 3]
}
