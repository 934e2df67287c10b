#!/usr/bin/env python3
"""fovea against PyTorch on the CPU: a stack of transformer blocks in inference,
in f32 and bf16, in turns on the same machine; prints medians and ratios.

    python3 bench/bench_vit.py BUILD/bench/bench_vit [--threads 2]
        [--repeats 9] [--width 1024] [--tokens 1024] [--heads 16] [--depth 4]
        [--cpu]

--cpu compares the time of all threads together instead of that of the clock:
for a machine that is busy with other things.
"""
import argparse
import os
import statistics
import subprocess
import time

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    """The block of bench_vit.c."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.inner = nn.Linear(width, 4 * width)
        self.mlp = nn.Linear(4 * width, width)

    def forward(self, x):
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2)
                   for t in self.qkv(self.norm1(x)).chunk(3, -1))
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + self.out(y)
        return x + self.mlp(F.gelu(self.inner(self.norm2(x))))


class Torch:
    def __init__(self, o):
        torch.manual_seed(1)
        self.nets, self.x = {}, {}
        net = nn.Sequential(*(Block(o.width, o.heads)
                              for _ in range(o.depth))).eval()
        self.parameters = sum(p.numel() for p in net.parameters())
        for name, kind in (("f32", torch.float32), ("bf16", torch.bfloat16)):
            self.nets[name] = nn.Sequential(
                *(Block(o.width, o.heads) for _ in range(o.depth))).eval()
            self.nets[name].load_state_dict(net.state_dict())
            self.nets[name].to(kind)
            self.x[name] = torch.randn(1, o.tokens, o.width).to(kind)

    def __call__(self, what):
        wall, cpu = time.perf_counter(), time.process_time()
        with torch.inference_mode():
            self.nets[what](self.x[what])
        return (1e3 * (time.perf_counter() - wall),
                1e3 * (time.process_time() - cpu))


class Fovea:
    def __init__(self, o):
        command = [o.program, "--ask"]
        for name in ("width", "tokens", "heads", "depth", "threads"):
            command += ["--" + name, str(getattr(o, name))]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.parameters = int(self.process.stdout.readline().split()[0])

    def __call__(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return tuple(map(float, self.process.stdout.readline().split()))


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("program")
    for name, value in (("threads", 2), ("repeats", 9), ("width", 1024),
                        ("tokens", 1024), ("heads", 16), ("depth", 4)):
        p.add_argument("--" + name, type=int, default=value)
    p.add_argument("--cpu", action="store_true")
    o = p.parse_args()
    torch.set_num_threads(o.threads)
    os.environ["OMP_NUM_THREADS"] = str(o.threads)
    if o.cpu:
        os.environ["OMP_WAIT_POLICY"] = "passive"

    sides = {"fovea": Fovea(o), "torch": Torch(o)}
    for name, side in sides.items():
        print(f"# {name}: {side.parameters} parameters")
    print(f"# torch {torch.__version__}, {o.threads} threads, "
          f"{'time of all threads' if o.cpu else 'time of the clock'}")
    for what in ("f32", "bf16"):
        times = {name: [] for name in sides}
        for name in sides:
            sides[name](what)
        for _ in range(o.repeats):
            for name in sides:
                times[name].append(sides[name](what)[1 if o.cpu else 0])
        middle = {name: statistics.median(t) for name, t in times.items()}
        if not middle["fovea"]:
            print(f"{what}\tnot possible here")
            continue
        ratios = sorted(b / a for a, b in zip(times["fovea"], times["torch"]))
        print(f"{what}\tfovea {middle['fovea'] / o.depth:.1f} ms a block\t"
              f"torch {middle['torch'] / o.depth:.1f} ms\t"
              f"ratio {middle['torch'] / middle['fovea']:.2f} "
              f"({ratios[0]:.2f} to {ratios[-1]:.2f})", flush=True)


if __name__ == "__main__":
    main()
