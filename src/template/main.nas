//! PROJECT: a space of small networks, and what its members cost.
use std.ops.{conv2d, batch_norm, relu, linear}
use std.cost.macs.core as macs

/// Two choices: how wide, and how deep.
space nets(classes: Int = 10) {
  let width = choose [16, 24, 32]
  let depth = choose 1..=3
  net(x: [n, 3, 32, 32]) -> [n, classes] {
    x |> conv2d(width, 3, bias: false) |> batch_norm |> relu
      |> repeat depth { conv2d(width, 3, bias: false) |> batch_norm |> relu }
      |> mean(over: [h, w]) |> linear(classes)
  }
  where macs <= 100M
}

test "three widths, three depths" {
  expect size(nets) == 9
}

pipeline main(count: Int = 5) {
  let archs = sample(nets, count)
  let costs = [macs(nets[a]) for a in archs]
  report costs
  expect max(costs) <= 100M
  budget 1 minutes, 1 GB
}
