//! Layout, contraction, convolution, pooling and gradients. Costs are core multiply-accumulates (MACs) a call.

/// Correlation of an image that is already padded. MACs: n o h' w' (c / groups) k l.
intrinsic conv(x: [n, c, h, w], w: [o, i, k, l], stride: Int = 1, groups: Int = 1, dilation: Int = 1) -> [n, o, p, q]
/// Pads height and width for a kernel of k: `same`, `valid`, `circular`, `edge`, `mirror`, or a number of pixels of zeros.
intrinsic pad2d(x: [n, c, h, w], padding: Padding, k: Int = 1, dilation: Int = 1) -> [n, c, p, q]
/// Mean of windows of k x k. 0 MACs.
intrinsic avg_pool(x: [n, c, h, w], k: Int, stride: Int = 1, pad: Int = 0, count_padding: Bool = false) -> [n, c, p, q]
/// Largest of windows of k x k; padding never wins. 0 MACs.
intrinsic max_pool(x: [n, c, h, w], k: Int, stride: Int = 1, pad: Int = 0) -> [n, c, p, q]
/// Sums products over named axes: "n c, o c -> n o"; `...` stands for the axes that are left. MACs: product of all extents.
intrinsic contract(spec: Text, tensors: { Text: Tensor }) -> Tensor
/// Splits, merges and reorders axes: "n t (h e) -> n h t e", sizes of new names by argument. 0 MACs.
intrinsic rearrange(x: Tensor, spec: Text, sizes: { Text: Int }) -> Tensor
/// Repeats along the first axis to n, or to a whole shape. 0 MACs.
intrinsic expand(x: Tensor, to: Int) -> Tensor
/// The same elements in another shape. 0 MACs.
intrinsic reshape(x: Tensor, shape: [Int]) -> Tensor
/// All axes from `from` on become one.
intrinsic flatten(x: Tensor, from: Int = 1) -> Tensor
/// Joins along an axis.
intrinsic concat(parts: [Tensor], over: Axes = 0) -> Tensor
/// Cuts an axis into parts of given sizes; of a list, in two at a position.
intrinsic split(x: Tensor, sizes: [Int], over: Axes = 0) -> [Tensor]
/// A range of an axis, or one index of it; the first elements of a list.
intrinsic take(x: Tensor, what: Range, over: Axes = 0) -> Tensor
/// Rows of an axis by index.
intrinsic gather(x: Tensor, index: Index, over: Axes = 0) -> Tensor
/// Zeros of a shape: `zeros[n, c]`.
intrinsic zeros(shape: [Int]) -> Tensor
/// Ones of a shape: `ones[n, c]`.
intrinsic ones(shape: [Int]) -> Tensor
/// One number in a shape.
intrinsic filled(value: Float, shape: [Int]) -> Tensor
/// The unit matrix.
intrinsic eye(n: Int) -> Tensor
/// 1 at the index, 0 elsewhere, along a new last axis.
intrinsic one_hot(index: Index, classes: Int) -> Tensor
/// One entry of the last axis for each row.
intrinsic pick_class(x: [n, c], index: [n] of Label) -> [n]
/// Running sums along an axis or of a list.
intrinsic cumsum(x: Tensor, over: Axes = -1) -> Tensor
/// The value; no gradient passes.
intrinsic stop(x: Tensor) -> Tensor
/// The first value forward; the gradient goes to `via`.
intrinsic surrogate(value: Tensor, via: Tensor) -> Tensor
/// Gradients of a number for a tensor or a list of tensors; may be nested.
intrinsic grad(y: Float, xs: [Tensor]) -> [Tensor]
/// ln |det| of a square matrix, in double precision. No gradient.
intrinsic log_det(x: [m, k]) -> Float
/// Eigenvalues of a symmetric matrix, ascending, in double precision. No gradient.
intrinsic eigenvalues(x: [m, k]) -> [m]
/// The value; where costs are counted, its elements are entered under a name, for conventions that count them.
intrinsic tally(item: Text, x: Tensor) -> Tensor
/// The value itself.
intrinsic identity_of(x: Tensor) -> Tensor
