//! The ResNet-48-like space of the CVPR 2022 supernet track: 4 depths, 4 stage widths that residual sums tie, one inner width a block.
use nets.blocks.{round_width}
use std.cost.macs

/// Candidate widths over the base width; a code's digit is the position plus one.
let ratios = [1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7]

/// `large_stem` is 7 x 7 with stride 2 and pooling; else 3 x 3, for small images. `outer` stands behind the addition, `inner` between
/// the convolutions: only the outer one may be smooth (PGONAS). `to` is what widths are rounded to.
space resnet48(classes: Int = 1000, widths: [Int] = [64, 128, 256, 512], least_depth: Int = 2, most_depth: [Int] = [5, 5, 8, 5], inner: Block = relu, outer: Block = relu, large_stem: Bool = true, side: Int = 224, to: Int = 8) {
  let depth = [choose least_depth..=m for m in most_depth]
  let tied = [choose ratios for s in 0..len(widths)]
  let mid = [[choose ratios for i in 0..depth[s]] for s in 0..len(widths)]
  // The contest's 52 digits: input size, depths, stem, and for each block that may be there the digits of both convolutions, 00 where it is
  // absent. The stem's digit and the second ones of a stage's blocks repeat the stage's.
  encoding "1{depth[*]}{tied[0]:index+1}{for s in 0..len(widths), i in 0..most_depth[s]: (mid[s][i]:index+1)(tied[s]:index+1) else 00}"
  block unit(width: Int, out: Int, stride: Int, first: Bool)(x: [n, c, h, w]) -> [n, out, _, _] {
    let main = x |> conv2d(width, 3, stride: stride, bias: false) |> batch_norm |> inner |> conv2d(out, 3, bias: false) |> batch_norm
    let side = if first { x |> conv2d(out, 1, stride: stride, bias: false) |> batch_norm } else { x }
    main + side |> outer
  }
  block stage(s: Int, rs: [Float])(x: [n, c, h, w]) -> [n, _, _, _] {
    let out = round_width(widths[s] * tied[s], to)
    x |> repeat rs as r, i { unit(round_width(widths[s] * r, to), out, if s > 0 and i == 0 { 2 } else { 1 }, s > 0 and i == 0) }
  }
  net(x: [n, 3, side, side]) -> [n, classes] {
    let start = round_width(widths[0] * tied[0], to)
    let low = if large_stem { x |> conv2d(start, 7, stride: 2, bias: false) |> batch_norm |> relu |> max_pool2d(3, stride: 2) } else { x |> conv2d(start, 3, bias: false) |> batch_norm |> relu }
    tap features = low |> repeat mid as rs, s { stage(s, rs) }
    features |> mean(over: [2, 3]) |> linear(classes)
  }
}

test "the contest's space" {
  expect size(resnet48) == 121_588_067_670_250_048_000_000
  expect round_width(64 * 0.95, 8) == 64 and round_width(64 * 0.9, 8) == 56 and round_width(64 * 0.7, 8) == 48
}
test "codes are read and written" {
  let codes = ["1252233313000000223212122253130000000000006515000000", "1447233323333300331313230025153545153545003252000000"]
  expect all(encode(decode(resnet48, c)) == c for c in codes)
  expect all(decode(resnet48, encode(a)) == a for a in sample(resnet48, 100))
  expect rejected { decode(resnet48, "1252233314000000223212122253130000000000006515000000") }
}
test "ResNet-34 is the member of depths 3, 4, 6, 3 at full width" {
  let net = resnet48["1346311111110000111111110011111111111100001111110000"]
  expect params(net) == 21_797_672 and macs.core(net) == 3_663_761_408
}
