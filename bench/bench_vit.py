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
import time

import torch
import torch.nn.functional as F
from torch import nn

import turns


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


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("program")
    for name, value in (("threads", 2), ("repeats", 9), ("width", 1024),
                        ("tokens", 1024), ("heads", 16), ("depth", 4)):
        p.add_argument("--" + name, type=int, default=value)
    p.add_argument("--cpu", action="store_true")
    o = p.parse_args()
    turns.set_threads(torch, o.threads, o.cpu)
    options = {name: getattr(o, name) for name in
               ("width", "tokens", "heads", "depth", "threads")}
    sides = {"fovea": turns.Fovea(o.program, options), "torch": Torch(o)}
    turns.show_sides(sides, torch, o.threads, o.cpu)
    for what in ("f32", "bf16"):
        middle, ratios = turns.compare(sides, what, o.repeats, o.cpu)
        if not middle["fovea"]:
            print(f"{what}\tnot possible here")
            continue
        print(f"{what}\tfovea {middle['fovea'] / o.depth:.1f} ms a block\t"
              f"torch {middle['torch'] / o.depth:.1f} ms\t"
              f"ratio {middle['torch'] / middle['fovea']:.2f} "
              f"({ratios[0]:.2f} to {ratios[-1]:.2f})", flush=True)


if __name__ == "__main__":
    main()
