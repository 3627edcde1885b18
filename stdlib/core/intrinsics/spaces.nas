//! Spaces and their members, nets and weights, draws, data.

/// Exact number of members; of a list, its length; of a tensor, its shape.
intrinsic size(space: Space) -> Int
/// n different members, each set of n equally likely; all of them where there are fewer.
intrinsic sample(space: Space, n: Int, seed: Int? = none) -> [Arch]
/// Members that differ at one site; `at:` names the site.
intrinsic neighbours(space: Space, arch: Arch, at: Site? = none) -> [Arch]
/// The sites that exist in a member (or in a space).
intrinsic sites(arch: Arch) -> [Site]
/// Option numbers of a member, site by site; -1 where a site is absent.
intrinsic indices(arch: Arch) -> Index
/// A member as its space writes it.
intrinsic encode(arch: Arch) -> Text
/// Reads a member.
intrinsic decode(space: Space, text: Text) -> Arch
/// The options of an open value.
intrinsic options(choice: Option) -> [Option]
/// Smallest and largest value of a cost over a space, without enumerating it.
intrinsic range(cost: Macs) -> Range
/// Minimum, mean and maximum of a cost over a space; `min`, `mean`, `max`, `median` and `quantile` tell one of them.
intrinsic distribution(cost: Macs) -> Record
/// Equal ranges of a cost over a space, with the number and share of the members in each.
intrinsic histogram(cost: Macs, bars: Int = 10) -> [{ from: Int, to: Int, share: Float, members: Int }]
/// Items of a net's cost, weighed and summed; `on:` is one input's shape where the net does not fix it, `by:` the name of the convention.
intrinsic cost_of(net: Net, items: Record, on: [Int]? = none, by: Text? = none) -> Int
/// The blocks whose weights multiply what comes in, in order; `weights:` and `activations:` give each its bits.
intrinsic layers(net: Net, on: [Int]? = none, weights: Any = none, activations: Any = none) -> [{ path: Text, kind: Text, params: Int, weights: Int, macs: Int }]
/// The most elements alive at once while one input goes through a net.
intrinsic peak_elements(net: Net, on: [Int]? = none) -> Int
/// Every item of a net's cost.
intrinsic cost_items(net: Net, on: [Int]? = none) -> Record
/// Runs a net and keeps what is inside: `.out`, its taps by name, `.all(kind)`.
intrinsic trace(net: Net, x: Tensor) -> Trace
/// Weights for a net or a space, drawn where they are first read; `share` says which slot a use reads.
intrinsic init(net: Net, share: Policy? = none) -> Weights
/// The weights of `net`, address by address from `w`: under the same address, or under what `names` says of it. Where nothing
/// fits, `by` makes the tensor of the old one (or `none`) and of the net's fresh one; without `by`, that is an error.
intrinsic adopt(w: Weights, net: Net, names: (Text -> Text)? = none, by: ((Tensor?, Tensor) -> Tensor)? = none) -> Weights
/// A slot named by what it depends on.
intrinsic slot(key: { Text: Text }) -> Slot
/// Smaller members read the first channels of what is stored.
intrinsic leading(slot: Slot) -> Slot
/// The slots of a space under a policy, with their shapes.
intrinsic slots(space: Space, policy: Policy) -> Record

/// Normal draws: a number with `~`, a tensor with a shape.
intrinsic normal(mean: Float = 0, deviation: Float = 1) -> Distribution
/// Normal draws cut at two deviations.
intrinsic trunc_normal(deviation: Float = 1) -> Distribution
/// True with a probability.
intrinsic bernoulli(p: Float = 0.5) -> Distribution
/// Standard Gumbel draws.
intrinsic gumbel() -> Distribution
/// -1 or 1.
intrinsic rademacher() -> Distribution
/// One of a list or range, a member of a space, or a number between two.
intrinsic uniform(from: Float = 0, to: Float = 1) -> Distribution
/// A list in a drawn order.
intrinsic shuffle(list: [Any], seed: Int? = none) -> [Any]
/// n elements of a list, in its order.
intrinsic subset(list: [Any], n: Int, seed: Int? = none) -> [Any]
/// The numbers below n in a drawn order.
intrinsic permutation(n: Int, seed: Int? = none) -> [Int]
/// One of a list, with probability proportional to its weight.
intrinsic pick(list: [Any], weight: Any -> Float) -> Any
