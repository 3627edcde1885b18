//! Residual nets for small images (He et al. 2016, section 4.2): three stages of basic blocks. `features` is the last map.

block basic(out: Int, stride: Int = 1)(x: [n, c, h, w]) -> [n, out, _, _] {
  let main = x |> conv2d(out, 3, stride: stride, bias: false) |> batch_norm |> relu |> conv2d(out, 3, bias: false) |> batch_norm
  relu(main + (if c == out and stride == 1 { x } else { x |> conv2d(out, 1, stride: stride, bias: false) |> batch_norm }))
}
/// 6 x blocks + 2 layers: blocks 3 is ResNet-20, 9 is ResNet-56. Shortcuts that change the shape are 1 x 1 convolutions.
fn resnet_cifar(blocks: Int, classes: Int, width: Int = 16, side: Int = 32) -> Net {
  net(x: [n, 3, side, side]) -> [n, classes] {
    tap features = x |> conv2d(width, 3, bias: false) |> batch_norm |> relu
      |> repeat blocks { basic(width) }
      |> repeat blocks as i { basic(2 * width, if i == 0 { 2 } else { 1 }) }
      |> repeat blocks as i { basic(4 * width, if i == 0 { 2 } else { 1 }) }
    features |> mean(over: [2, 3]) |> linear(classes)
  }
}

test "ResNet-20 has 269,722 parameters, and 2,752 more in its two shortcuts" {
  expect params(resnet_cifar(3, 10)) == 269_722 + 2_752
}
