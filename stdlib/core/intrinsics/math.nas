//! Numbers and tensors point by point, and reductions. `over:` names axes of the shape, or counts them from 0 (-1: last).

/// e to the power of x. Gradient: exp(x).
intrinsic exp(x: Tensor) -> Tensor
/// Natural logarithm. Gradient: 1 / x.
intrinsic log(x: Tensor) -> Tensor
/// Square root. Its gradient at 0 is taken as 0.
intrinsic sqrt(x: Tensor) -> Tensor
/// Absolute value. Its gradient at 0 is 0.
intrinsic abs(x: Tensor) -> Tensor
/// -1, 0 or 1. No gradient.
intrinsic sign(x: Tensor) -> Tensor
/// Sine, in radians.
intrinsic sin(x: Tensor) -> Tensor
/// Cosine, in radians.
intrinsic cos(x: Tensor) -> Tensor
/// Hyperbolic tangent.
intrinsic tanh(x: Tensor) -> Tensor
/// Error function.
intrinsic erf(x: Tensor) -> Tensor
/// 1 / (1 + exp(-x)).
intrinsic sigmoid(x: Tensor) -> Tensor
/// max(x, 0). Its gradient at 0 is 0. `relu` is the block around it.
intrinsic rectify(x: Tensor) -> Tensor
/// To the nearest whole number, halves to even; `to` gives another step. No gradient.
intrinsic round(x: Tensor, to: Float? = none) -> Tensor
/// The next whole number below. No gradient.
intrinsic floor(x: Tensor, to: Float? = none) -> Tensor
/// The next whole number above. No gradient.
intrinsic ceil(x: Tensor, to: Float? = none) -> Tensor
/// Largest of a list or along axes; with two arguments, point by point.
intrinsic max(x: Tensor, y: Tensor? = none, z: Tensor? = none, over: Axes = all, keep: Bool = false) -> Tensor
/// Smallest of a list or along axes; with two arguments, point by point.
intrinsic min(x: Tensor, y: Tensor? = none, z: Tensor? = none, over: Axes = all, keep: Bool = false) -> Tensor
/// Between two bounds.
intrinsic clamp(x: Tensor, low: Float, high: Float) -> Tensor
/// from + share * (to - from)
intrinsic lerp(from: Tensor, to: Tensor, share: Float) -> Tensor
/// Sum of a list or along axes.
intrinsic sum(x: Tensor, over: Axes = all, keep: Bool = false, empty: Float? = none) -> Tensor
/// Mean of a list or along axes.
intrinsic mean(x: Tensor, over: Axes = all, keep: Bool = false, empty: Float? = none) -> Tensor
/// Variance along axes, divided by n.
intrinsic var(x: Tensor, over: Axes = all, keep: Bool = false) -> Tensor
/// Euclidean norm along axes.
intrinsic norm(x: Tensor, over: Axes = all, keep: Bool = false) -> Tensor
/// log(sum(exp(x))) along axes, shifted by the maximum.
intrinsic logsumexp(x: Tensor, over: Axes = all, keep: Bool = false) -> Tensor
/// exp(x) / sum(exp(x)) along an axis, the last by default.
intrinsic softmax(x: Tensor, over: Axes = -1) -> Tensor
/// log(softmax(x)), without leaving the range of numbers.
intrinsic log_softmax(x: Tensor, over: Axes = -1) -> Tensor
/// Index of the first largest, along one axis or of all. No gradient.
intrinsic argmax(x: Tensor, over: Axes = all) -> Index
/// Index of the first smallest, along one axis or of all. No gradient.
intrinsic argmin(x: Tensor, over: Axes = all) -> Index
