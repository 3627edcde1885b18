"""Times untrained scores of NAS-Bench-201 members beside straightforward PyTorch: members a second, medians of interleaved rounds.

    cargo build --release
    python3 benches/proxies.py [--nasc target/release/nasc] [--members 50] [--threads 2] [--rounds 3] [--only zen,naswot]
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F

import reference

NAMES = {"none": "none", "skip_connect": "skip", "nor_conv_1x1": "conv1", "nor_conv_3x3": "conv3", "avg_pool_3x3": "pool"}
HERE = Path(__file__).parent


def operations(text):
    return [NAMES[e.split("~")[0]] for e in text.replace("+", "").split("|") if e]


def weights(net):
    return [m.weight for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]


def features(net, x):
    """The map before the last average, as most codes take it: by a hook on the last norm's activation."""
    seen = []
    last = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)][-1]
    hook = last.register_forward_hook(lambda m, i, o: seen.append(o))
    net(x)
    hook.remove()
    return F.relu(seen[0])


def zen(net, x, y):
    total = 0.0
    for _ in range(4):
        with torch.no_grad():
            for w in weights(net):
                w.normal_()
            a = torch.randn(16, *x.shape[1:])
            b = a + 1e-2 * torch.randn_like(a)
            variances = []
            hooks = [m.register_forward_hook(lambda m, i, o: variances.append(i[0].var((0, 2, 3)).mean().sqrt().log()))
                     for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
            f = features(net, a)
            for h in hooks:
                h.remove()
            total += float((f - features(net, b)).abs().sum((1, 2, 3)).mean().log() + sum(variances))
    return total / 4


def naswot(net, x, y):
    codes = []
    hooks = [m.register_forward_hook(lambda m, i, o: codes.append((i[0] > 0).flatten(1).double()))
             for m in net.modules() if isinstance(m, nn.ReLU)]
    with torch.no_grad():
        net(x)
    for h in hooks:
        h.remove()
    k = sum(c @ c.T + (1 - c) @ (1 - c).T for c in codes)
    return float(torch.linalg.slogdet(k)[1])


def synflow(net, x, y):
    net = net.double()
    for m in net.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.forward = lambda x: x
    with torch.no_grad():
        for p in net.parameters():
            p.abs_()
    out = net(torch.ones(1, *x.shape[1:], dtype=torch.double)).sum()
    ws = weights(net)
    gs = torch.autograd.grad(out, ws, allow_unused=True)
    return float(sum((w * g).abs().sum() for w, g in zip(ws, gs) if g is not None).detach())


def slopes(net, x, y):
    ws = weights(net)
    return ws, torch.autograd.grad(F.cross_entropy(net(x), y), ws, allow_unused=True)


def snip(net, x, y):
    return float(sum((w * g).abs().sum() for w, g in zip(*slopes(net, x, y)) if g is not None).detach())


def grad_norm(net, x, y):
    return float(sum(g.norm() for g in slopes(net, x, y)[1] if g is not None).detach())


KINDS = {"zen": zen, "naswot": naswot, "synflow": synflow, "snip": snip, "grad_norm": grad_norm}


def ours(nasc, kind, members, threads):
    """Seconds of a whole run, and the architectures."""
    with tempfile.TemporaryDirectory() as d:
        began = time.perf_counter()
        subprocess.run(
            [nasc, "run", str(HERE / "proxies.nas"), "--set", f'kind="{kind}"', "--set", f"members={members}",
             "--jobs", str(threads), "--out", f"{d}/runs", "--quiet"],
            check=True, stdout=subprocess.DEVNULL, env={**os.environ, "NASC_STORE": f"{d}/store"})
        took = time.perf_counter() - began
        found = json.loads(next(Path(d).glob("runs/*/results.json")).read_text())
        return took, found["reports"]["archs"]


def theirs(kind, archs):
    x, y = torch.randn(32, 3, 32, 32), torch.randint(0, 10, (32,))
    began = time.perf_counter()
    for a in archs:
        KINDS[kind](reference.Bench201(operations(a)).train(), x, y)
    return time.perf_counter() - began


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--nasc", default="target/release/nasc")
    a.add_argument("--members", type=int, default=50)
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--rounds", type=int, default=3)
    a.add_argument("--only", default="")
    a = a.parse_args()
    torch.set_num_threads(a.threads)
    print(f"PyTorch {torch.__version__}, {a.threads} threads each, {a.rounds} rounds", file=sys.stderr)
    print("| score | nasc, members a second | PyTorch | ratio |")
    print("| --- | --- | --- | --- |")
    for kind in [k for k in KINDS if not a.only or k in a.only.split(",")]:
        mine, other = [], []
        for _ in range(a.rounds):
            # The start of the program and the check are in both runs.
            few, archs = ours(a.nasc, kind, 2, a.threads)
            all_, archs = ours(a.nasc, kind, a.members + 2, a.threads)
            mine.append(a.members / max(all_ - few, 1e-6))
            other.append(a.members / theirs(kind, archs[: a.members]))
        ratio = statistics.median(m / o for m, o in zip(mine, other))
        print(f"| {kind} | {statistics.median(mine):.1f} | {statistics.median(other):.1f} | {ratio:.2f} |", flush=True)


main()
