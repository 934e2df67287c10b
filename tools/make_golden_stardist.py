#!/usr/bin/env python3
"""Golden answers of the StarDist network: PyTorch, float64.

The weights are a formula that test_stardist.c has, too. Writes the image, the
mean over channels of a corner of every layer, and the answer to
tests/golden/stardist.txt.

    python3 tools/make_golden_stardist.py
"""
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

OUT = pathlib.Path(__file__).parent.parent / "tests" / "golden" / "stardist.txt"
lines = []


def emit(name, a, digits=6):
    a = np.asarray(a, dtype=np.float64)
    lines.append(" ".join([name, str(a.ndim), *map(str, a.shape)]))
    lines.append(" ".join(f"{v:.{digits}g}" for v in a.ravel()))


def formula(shape, scale):
    """Between -scale and scale, by place in the array and its size."""
    n = int(np.prod(shape))
    i = np.arange(n)
    v = ((i * 7919 + n * 613) % 1009 - 504) / 504 * scale
    return torch.tensor(v.astype(np.float32).astype(np.float64)).reshape(shape)


class Net:
    """One method per kind of layer; every ReLU is recorded."""

    def __init__(self):
        self.seen = []
        self.count = 0

    def conv(self, x, out, side=3):
        n = x.shape[1]
        # scale as a function of the fan-in; layout R S C K
        w = formula((side, side, n, out), (3 / (side * side * n)) ** 0.5)
        b = formula((out,), 0.1)
        self.count += w.numel() + b.numel()
        return F.conv2d(x, w.permute(3, 2, 0, 1), b, padding=side // 2)

    def layer(self, x, out):
        x = F.relu(self.conv(x, out))
        self.seen.append(x)
        return x

    def __call__(self, x, rays, grid=1, depth=3, base=32, features=128,
                 classes=0):
        while grid > 1:
            x = F.max_pool2d(self.layer(self.layer(x, base), base), 2)
            grid //= 2
        skips = []
        for n in range(depth):
            x = self.layer(self.layer(x, base * 2 ** n), base * 2 ** n)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.layer(x, base * 2 ** depth)
        x = self.layer(x, base * 2 ** max(0, depth - 1))
        for n in reversed(range(depth)):
            x = torch.cat([F.interpolate(x, scale_factor=2), skips[n]], 1)
            x = self.layer(x, base * 2 ** n)
            x = self.layer(x, base * 2 ** max(0, n - 1))
        f = self.layer(x, features)
        heads = [self.conv(f, 1, 1), self.conv(f, rays, 1)]
        if classes:
            heads.append(self.conv(self.layer(x, features), 1 + classes, 1))
        return torch.cat(heads, 1)


def case(name, image, **config):
    net = Net()
    x = torch.tensor(np.round(image, 2)).permute(0, 3, 1, 2)
    y = net(x, **config)
    emit(f"{name}/image", x.permute(0, 2, 3, 1))
    for i, layer in enumerate(net.seen):
        emit(f"{name}/layer{i}", layer.mean(1)[0, :3, :4])
    emit(f"{name}/answer", y.permute(0, 2, 3, 1))


def main():
    r = np.random.default_rng(8)
    case("plain", r.uniform(0, 1, (1, 16, 16, 1)), rays=8, depth=2, base=4,
         features=12)
    case("rich", r.uniform(0, 1, (1, 16, 32, 3)), rays=6, grid=2, depth=3,
         base=3, features=10, classes=2)
    for name, channels, config in (
            ("grid1", 1, {}), ("grid2", 1, {"grid": 2}),
            ("grid4", 1, {"grid": 4}), ("rgb", 3, {}), ("rays64", 1, {}),
            ("classes", 1, {"classes": 2})):
        net = Net()
        side = 8 * config.get("grid", 1)
        net(torch.zeros(1, channels, side, side).double(),
            rays=64 if name == "rays64" else 32, **config)
        emit(f"count/{name}", net.count, 9)
    OUT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
