"""Peak memory of a training step beside PyTorch eager: a fresh process for each, the process before the case taken off.

    cargo build --release -p nasc-bench
    python3 benches/memory.py [--bench target/release/nasc-bench] [--threads 2] [CASE ...]
"""
import argparse
import json
import subprocess
import sys

CASES = ["nb201_step", "nb201_3x3_step", "mobilenet_step", "vit_step"]


def status(name):
    with open("/proc/self/status") as f:
        return next(int(l.split()[1]) for l in f if l.startswith(name)) / 1024


def torch_side(case, threads):
    import torch

    import reference

    torch.set_num_threads(threads)
    # What the libraries keep for themselves once they have worked.
    x = torch.randn(8, 8, 8, 8, requires_grad=True)
    torch.nn.functional.conv2d(x, torch.randn(8, 8, 3, 3)).flatten(1).matmul(torch.randn(288, 8)).sum().backward()
    before = status("VmRSS")
    work = reference.case(case)
    for _ in range(4):
        work()
    print(status("VmHWM") - before)


def nasc_side(bench, case, threads):
    p = subprocess.Popen([bench, str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    said = []
    for line in ["memory", f"time {case} 4", "memory"]:
        p.stdin.write(line + "\n")
        p.stdin.flush()
        said.append(json.loads(p.stdout.readline()))
    p.kill()
    return said[2]["most_mb"] - said[0]["most_mb"]


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--bench", default="target/release/nasc-bench")
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--torch", help=argparse.SUPPRESS)
    a.add_argument("cases", nargs="*", default=CASES)
    a = a.parse_args()
    if a.torch:
        return torch_side(a.torch, a.threads)
    print("| case | nasc MB | PyTorch MB | ratio |\n| --- | --- | --- | --- |")
    for case in a.cases:
        own = nasc_side(a.bench, case, a.threads)
        command = [sys.executable, __file__, "--threads", str(a.threads), "--torch", case]
        other = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        print(f"| {case} | {own:.0f} | {other:.0f} | {own / other:.2f} |", flush=True)


if __name__ == "__main__":
    main()
