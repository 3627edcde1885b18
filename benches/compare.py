"""Times nasc beside PyTorch eager: rounds of one, then the other, medians of the rounds' ratios.

    cargo build --release -p nasc-bench
    python3 benches/compare.py [--bench target/release/nasc-bench] [--threads 2] [--rounds 15] [--only nb201,vit] [--profile] [--json out.json]
"""
import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

import reference


class Nasc:
    def __init__(self, path, threads):
        self.p = subprocess.Popen([path, str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.p.stdin.write(line + "\n")
        self.p.stdin.flush()
        answer = json.loads(self.p.stdout.readline())
        if isinstance(answer, dict) and "error" in answer:
            raise SystemExit(f"nasc-bench: {answer['error']}")
        return answer


def timed(work, turns):
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(turns):
        work()
    return (time.perf_counter() - wall) * 1e3 / turns, (time.process_time() - cpu) * 1e3 / turns


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(l.split(":")[1].strip() for l in lines if l.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--bench", default="target/release/nasc-bench")
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--rounds", type=int, default=15)
    a.add_argument("--only", default="")
    a.add_argument("--profile", action="store_true")
    a.add_argument("--json")
    a = a.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    nasc = Nasc(a.bench, a.threads)
    print(f"PyTorch {torch.__version__}, {a.threads} threads each, {processor()}, {a.rounds} rounds", file=sys.stderr)
    wanted = [w for w in a.only.split(",") if w]
    print("| case | nasc ms | PyTorch ms | ratio | nasc cpu ms | PyTorch cpu ms | cpu ratio |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    kept = {}
    for case in nasc.ask("cases"):
        if wanted and not any(case == w or case.startswith(w + "_") for w in wanted):
            continue
        work = reference.case(case)
        for _ in range(2):
            nasc.ask(f"time {case} 1")
            work()
        # Enough turns a round for some 20 ms of the faster one.
        once = min(nasc.ask(f"time {case} 1")["wall_ms"], timed(work, 1)[0])
        turns = max(1, min(200, int(20 / max(once, 1e-3))))
        rows = []
        for _ in range(a.rounds):
            own = nasc.ask(f"time {case} {turns}")
            rows.append((own["wall_ms"], own["cpu_ms"], *timed(work, turns)))
        m = lambda f: statistics.median(map(f, rows))
        row = [m(lambda r: r[0]), m(lambda r: r[2]), m(lambda r: r[0] / r[2]), m(lambda r: r[1]), m(lambda r: r[3]), m(lambda r: r[1] / r[3])]
        kept[case] = row
        print(f"| {case} | {row[0]:.2f} | {row[1]:.2f} | {row[2]:.2f} | {row[3]:.2f} | {row[4]:.2f} | {row[5]:.2f} |", flush=True)
        if a.profile:
            for kind, (ms, n) in nasc.ask(f"profile {case}").items():
                print(f"    {ms:8.3f} ms  {n:4d} x {kind}")
    if a.json:
        Path(a.json).write_text(json.dumps(kept, indent=1))


main()
