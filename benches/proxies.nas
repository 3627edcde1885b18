//! Untrained scores of NAS-Bench-201 members on generated images, one kind a run: timed beside PyTorch by `benches/proxies.py`.
use search.{nb201, proxies}

pipeline main(kind: Text = "zen", members: Int = 50, batch: Int = 32) {
  let archs = sample(nb201, members, seed: 0)
  let (x, y) = first([(x, y) for (x, y) in data.generated(batch, side: 32, test: 10).batches(batch)])
  let one = { x: x, y: y }
  let scores = [score(kind, nb201[a], one) for a in archs]
  report archs: [encode(a) for a in archs], scores
}
fn score(kind: Text, net: Net, one: { x: Tensor, y: Tensor }) -> Float {
  if kind == "zen" { zen(net) } else if kind == "naswot" { naswot(net, one) } else if kind == "synflow" { synflow(net) } else if kind == "snip" { snip(net, one) } else { grad_norm(net, one) }
}
