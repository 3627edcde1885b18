//! The ResNet-48-like space of the CVPR 2022 supernet track: 4 depths, 4 stage widths that residual sums tie, one inner width a block.
use std.cost.macs

/// Candidate widths over the base width; a code's digit is the position plus one.
let ratios = [1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7]
/// To a multiple of `to`, never more than 10 per cent below.
fn rounded(x: Float, to: Int) -> Int {
  let near = max(to, floor((x + to / 2) / to) * to)
  if near < 0.9 * x { near + to } else { near }
}

/// `large_stem` is 7 x 7 with stride 2 and pooling; else 3 x 3, for small images. `outer` stands behind the addition, `inner` between
/// the convolutions: only the outer one may be smooth (PGONAS). `to` is what widths are rounded to.
space resnet48(classes: Int = 1000, widths: [Int] = [64, 128, 256, 512], least_depth: Int = 2, most_depth: [Int] = [5, 5, 8, 5], inner: Block = relu, outer: Block = relu, large_stem: Bool = true, side: Int = 224, to: Int = 8) {
  let depth = [choose least_depth..=m for m in most_depth]
  let tied = [choose ratios for s in 0..len(widths)]
  let mid = [[choose ratios for i in 0..depth[s]] for s in 0..len(widths)]
  block unit(width: Int, out: Int, stride: Int, first: Bool)(x: [n, c, h, w]) -> [n, out, _, _] {
    let main = x |> conv2d(width, 3, stride: stride, bias: false) |> batch_norm |> inner |> conv2d(out, 3, bias: false) |> batch_norm
    let side = if first { x |> conv2d(out, 1, stride: stride, bias: false) |> batch_norm } else { x }
    main + side |> outer
  }
  block stage(s: Int, rs: [Float])(x: [n, c, h, w]) -> [n, _, _, _] {
    let out = rounded(widths[s] * tied[s], to)
    x |> repeat rs as r, i { unit(rounded(widths[s] * r, to), out, if s > 0 and i == 0 { 2 } else { 1 }, s > 0 and i == 0) }
  }
  net(x: [n, 3, side, side]) -> [n, classes] {
    let start = rounded(widths[0] * tied[0], to)
    let low = if large_stem { x |> conv2d(start, 7, stride: 2, bias: false) |> batch_norm |> relu |> max_pool2d(3, stride: 2) } else { x |> conv2d(start, 3, bias: false) |> batch_norm |> relu }
    tap features = low |> repeat mid as rs, s { stage(s, rs) }
    features |> mean(over: [2, 3]) |> linear(classes)
  }
}

/// Reads a code of 52 digits: input size, 4 depths, stem, and for each of 23 blocks the digits of both convolutions, 00 where it is absent.
space contest_digits {
  let digit = [choose 0..=9 for place in 0..52]
  encoding "{digit join}"
  value digit
}
let first_block = [0, 5, 10, 18]
let most_blocks = [5, 5, 8, 5]
/// The member that a code stands for. The stem's digit and the second digit of every block of a stage repeat the stage's.
fn read_code(space: Space, text: Text) -> Arch {
  let d = contest_digits[text]
  let place = { "depth[{s}]": d[1 + s] - 2 for s in 0..4 }
  let shared = { "tied[{s}]": d[7 + 2 * first_block[s]] - 1 for s in 0..4 }
  let inner = { "mid[{s}][{i}]": d[6 + 2 * (first_block[s] + i)] - 1 for s in 0..4, i in 0..8 if i < d[1 + s] }
  let option = { ..place, ..shared, ..inner }
  space.build(o => o.options[option[o.address]])
}
fn digit_of(r: Float) -> Int { position(r, in: ratios) + 1 }
fn write_code(a: Arch) -> Text {
  let blocks = [if i < a.depth[s] { "{digit_of(a.mid[s][i])}{digit_of(a.tied[s])}" } else { "00" } for s in 0..4, i in 0..8 if i < most_blocks[s]]
  join(["1"] ++ ["{d}" for d in a.depth] ++ ["{digit_of(a.tied[0])}"] ++ blocks, by: "")
}

test "the contest's space" {
  expect size(resnet48) == 121_588_067_670_250_048_000_000
  expect rounded(64 * 0.95, 8) == 64 and rounded(64 * 0.9, 8) == 56 and rounded(64 * 0.7, 8) == 48
}
test "codes are read and written" {
  let codes = ["1252233313000000223212122253130000000000006515000000", "1447233323333300331313230025153545153545003252000000"]
  expect all(write_code(read_code(resnet48, c)) == c for c in codes)
  expect all(read_code(resnet48, write_code(a)) == a for a in sample(resnet48, 3))
}
test "ResNet-34 is the member of depths 3, 4, 6, 3 at full width" {
  let a = read_code(resnet48, "1346311111110000111111110011111111111100001111110000")
  expect params(resnet48[a]) == 21_797_672 and macs.core(resnet48[a]) == 3_663_761_408
}
