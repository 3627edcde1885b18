//! Multiply-accumulates, by convention. The plain name is an error: import one, or write `macs.core`.

/// Contractions only: convolutions, linear layers, products of attention.
fn core(net: Net, on: [Int]? = none) -> Macs { cost_of(net, { contraction: 1 }, on: on) }
/// As NAS-Bench-201 and NATS-Bench count: core, and one for each output of a linear layer with bias.
fn nats(net: Net, on: [Int]? = none) -> Macs { cost_of(net, { contraction: 1, linear_bias: 1 }, on: on) }
