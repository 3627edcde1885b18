//! Small nets for pipelines, with their last map tapped as `features`.

block basic(out: Int, stride: Int = 1)(x: [n, c, h, w]) -> [n, out, _, _] {
  let main = x |> conv2d(out, 3, stride: stride, bias: false) |> batch_norm |> relu |> conv2d(out, 3, bias: false) |> batch_norm
  relu(main + (if c == out and stride == 1 { x } else { x |> conv2d(out, 1, stride: stride, bias: false) |> batch_norm }))
}
/// He et al. 2016, section 4.2: three stages of basic blocks; 6 x blocks + 2 layers: blocks 3 is ResNet-20, 9 is ResNet-56. Shortcuts that change the shape are 1 x 1 convolutions.
fn small_resnet(blocks: Int, classes: Int, width: Int = 16, side: Int = 32) -> Net {
  net(x: [n, 3, side, side]) -> [n, classes] {
    tap features = x |> conv2d(width, 3, bias: false) |> batch_norm |> relu
      |> repeat blocks { basic(width) }
      |> repeat blocks as i { basic(2 * width, if i == 0 { 2 } else { 1 }) }
      |> repeat blocks as i { basic(4 * width, if i == 0 { 2 } else { 1 }) }
    features |> mean(over: [2, 3]) |> linear(classes)
  }
}

/// A plain net of eight layers with weights: seven convolutions, each with batch norm and relu, and a classifier. Widths w, w, 2w, 2w, 4w, 4w, 4w; the third and the fifth convolution halve the map. `features` is the last map.
fn plain_cnn(width: Int = 8, classes: Int = 10, side: Int = 16) -> Net {
  net(x: [n, 3, side, side]) -> [n, classes] {
    tap features = x |> repeat [(1, 1), (1, 1), (2, 2), (2, 1), (4, 2), (4, 1), (4, 1)] as (wide, stride) { unit(wide * width, stride) }
    features |> mean(over: [2, 3]) |> linear(classes)
  }
}
block unit(out: Int, stride: Int)(x: [n, c, h, w]) -> [n, out, _, _] { x |> conv2d(out, 3, stride: stride, bias: false) |> batch_norm |> relu }

test "ResNet-20 has 269,722 parameters, and 2,752 more in its two shortcuts" {
  expect params(small_resnet(3, 10)) == 269_722 + 2_752
}
test "eight layers; costs by hand" {
  expect len(plain_cnn().all(conv2d, linear)) == 8
  expect params(plain_cnn(8)) == 9 * (3 * 8 + 8 * 8 + 8 * 16 + 16 * 16 + 16 * 32 + 32 * 32 + 32 * 32) + 2 * (8 + 8 + 16 + 16 + 32 + 32 + 32) + 330
}
