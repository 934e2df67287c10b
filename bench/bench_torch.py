#!/usr/bin/env python3
"""fovea against PyTorch eager on the CPU: one training step and one inference
of the same U-net, in turns on the same machine; prints medians and ratios.

    python3 bench/bench_torch.py BUILD/bench/bench_unet [--threads 2]
        [--repeats 9] [--depth 3] [--base 32] [--batch 4] [--side 256]
        [--image 512] [--cpu] [--channels-last]

--cpu compares the time of all threads together instead of that of the clock:
for a machine that is busy with other things.
"""
import argparse
import os
import statistics
import subprocess
import time

import torch
from torch import nn


def pair(channels, wide, last):
    layers = []
    for a, b in ((channels, wide), (wide, last)):
        layers += [nn.Conv2d(a, b, 3, padding=1, bias=False),
                   nn.BatchNorm2d(b), nn.ReLU()]
    return nn.Sequential(*layers)


class Unet(nn.Module):
    """The network of bench_unet.c."""

    def __init__(self, base, depth):
        super().__init__()
        wide = [base << level for level in range(depth + 1)]
        self.down = nn.ModuleList(
            pair(1 if i == 0 else wide[i - 1], wide[i], wide[i])
            for i in range(depth))
        self.bottom = pair(wide[depth - 1], wide[depth], wide[depth] // 2)
        self.up = nn.ModuleList(
            pair(2 * wide[i], wide[i], wide[i] // 2 if i else wide[i])
            for i in range(depth))
        self.head = nn.Conv2d(base, 3, 1)
        self.pool = nn.MaxPool2d(2)
        self.enlarge = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, x):
        skips = []
        for block in self.down:
            skips.append(block(x))
            x = self.pool(skips[-1])
        x = self.bottom(x)
        for block, skip in zip(reversed(self.up), reversed(skips)):
            x = block(torch.cat([skip, self.enlarge(x)], 1))
        return self.head(x)


class Torch:
    def __init__(self, o):
        order = (torch.channels_last if o.channels_last
                 else torch.contiguous_format)
        torch.manual_seed(1)
        self.net = Unet(o.base, o.depth).to(memory_format=order)
        self.parameters = sum(p.numel() for p in self.net.parameters())
        self.adam = torch.optim.Adam(self.net.parameters(), 1e-3)
        self.loss = nn.CrossEntropyLoss()
        self.x = torch.randn(o.batch, 1, o.side, o.side).to(memory_format=order)
        self.t = torch.randint(0, 3, (o.batch, o.side, o.side))
        self.image = torch.randn(1, 1, o.image, o.image).to(memory_format=order)

    def train(self):
        self.net.train()
        self.adam.zero_grad(set_to_none=True)
        self.loss(self.net(self.x), self.t).backward()
        self.adam.step()

    def infer(self):
        self.net.eval()
        with torch.inference_mode():
            self.net(self.image)

    def __call__(self, what):
        wall, cpu = time.perf_counter(), time.process_time()
        getattr(self, what)()
        return (1e3 * (time.perf_counter() - wall),
                1e3 * (time.process_time() - cpu))


class Fovea:
    def __init__(self, o):
        command = [o.program, "--ask"]
        for name in ("depth", "base", "batch", "side", "image", "threads"):
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
    for name, value in (("threads", 2), ("repeats", 9), ("depth", 3),
                        ("base", 32), ("batch", 4), ("side", 256),
                        ("image", 512)):
        p.add_argument("--" + name, type=int, default=value)
    p.add_argument("--cpu", action="store_true")
    p.add_argument("--channels-last", action="store_true")
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
    for what in ("train", "infer"):
        times = {name: [] for name in sides}
        for name in sides:
            sides[name](what)
        for _ in range(o.repeats):
            for name in sides:
                times[name].append(sides[name](what)[1 if o.cpu else 0])
        middle = {name: statistics.median(t) for name, t in times.items()}
        ratios = sorted(b / a for a, b in zip(times["fovea"], times["torch"]))
        print(f"{what}\tfovea {middle['fovea']:.1f} ms\t"
              f"torch {middle['torch']:.1f} ms\t"
              f"ratio {middle['torch'] / middle['fovea']:.2f} "
              f"({ratios[0]:.2f} to {ratios[-1]:.2f})", flush=True)


if __name__ == "__main__":
    main()
