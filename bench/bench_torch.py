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
import time

import torch
from torch import nn

import turns


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
    turns.set_threads(torch, o.threads, o.cpu)
    options = {name: getattr(o, name) for name in
               ("depth", "base", "batch", "side", "image", "threads")}
    sides = {"fovea": turns.Fovea(o.program, options), "torch": Torch(o)}
    turns.show_sides(sides, torch, o.threads, o.cpu)
    for what in ("train", "infer"):
        middle, ratios = turns.compare(sides, what, o.repeats, o.cpu)
        print(f"{what}\tfovea {middle['fovea']:.1f} ms\t"
              f"torch {middle['torch']:.1f} ms\t"
              f"ratio {middle['torch'] / middle['fovea']:.2f} "
              f"({ratios[0]:.2f} to {ratios[-1]:.2f})", flush=True)


if __name__ == "__main__":
    main()
