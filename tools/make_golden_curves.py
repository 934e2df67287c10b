#!/usr/bin/env python3
"""Golden loss curves: 20 training steps in PyTorch, float64.

Writes to tests/golden/curves.txt the initial weights (in fovea's names and
layouts), four batches used in turn, and the loss before each step, for a
perceptron and a U-Net trained by SGD with momentum and by Adam.

    python3 tools/make_golden_curves.py
"""
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

OUT = pathlib.Path(__file__).parent.parent / "tests" / "golden" / "curves.txt"
STEPS, BATCHES = 20, 4
EPS, MOMENTUM = float(np.float32(1e-5)), float(np.float32(0.1))
rng = np.random.default_rng(22)
lines = []


def emit(name, a, digits=7):
    a = np.asarray(a, dtype=np.float64)
    lines.append(" ".join([name, str(a.ndim), *map(str, a.shape)]))
    lines.append(" ".join(f"{v:.{digits}g}" for v in a.ravel()))


def normal(*shape, scale=1.0, digits=3):
    """Few digits, which keeps the text short."""
    return np.round(rng.normal(size=shape) * scale, digits)


def single(a):
    """What float32 holds of these numbers."""
    return a.astype(np.float32).astype(np.float64)


class Net:
    """Parameters by name, made when first asked for; fovea's layouts."""

    def __init__(self):
        self.start = {}
        self.now = {}
        self.running = {}

    def get(self, name, make):
        if name not in self.start:
            self.start[name] = single(make())
            self.rewind()
        return self.now[name]

    def rewind(self):
        self.running = {}
        self.now = {k: torch.tensor(v).requires_grad_()
                    for k, v in self.start.items()}

    def linear(self, name, x, out):
        n = x.shape[-1]
        w = self.get(f"{name}/weight",
                     lambda: normal(n, out, scale=(2 / n) ** 0.5))
        b = self.get(f"{name}/bias", lambda: normal(out, scale=0.1))
        return x @ w + b

    def conv(self, name, x, out, side, bias):
        n = x.shape[1]
        w = self.get(f"{name}/weight", lambda: normal(
            side, side, n, out, scale=(2 / (n * side * side)) ** 0.5))
        b = self.get(f"{name}/bias",
                     lambda: normal(out, scale=0.1)) if bias else None
        return F.conv2d(x, w.permute(3, 2, 0, 1), b, padding=side // 2)

    def norm(self, name, x):
        c = x.shape[1]
        scale = self.get(f"{name}/scale", lambda: 1 + normal(c, scale=0.1))
        shift = self.get(f"{name}/shift", lambda: normal(c, scale=0.1))
        mean, var = self.running.setdefault(
            name, (torch.zeros(c).double(), torch.ones(c).double()))
        return F.batch_norm(x, mean, var, scale, shift, True, MOMENTUM, EPS)


def mlp(net, x):
    for i, width in enumerate((16, 8)):
        x = F.relu(net.linear(f"hidden{i + 1}", x, width))
    return net.linear("out", x, 3)


def unet(net, image, base=8, depth=2, out=3):
    def block(scope, x, *widths):
        for i, k in enumerate(widths):
            x = net.conv(f"{scope}/conv{i + 1}", x, k, 3, False)
            x = F.relu(net.norm(f"{scope}/conv{i + 1}/norm", x))
        return x

    x, skips = image.permute(0, 3, 1, 2), []
    for level in range(depth):
        k = base << level
        skips.append(block(f"down{level}", x, k, k))
        x = F.max_pool2d(skips[-1], 2)
    wide = base << depth
    x = block("bottom", x, wide, wide // 2)
    for level in reversed(range(depth)):
        k = base << level
        x = torch.cat([skips[level],
                       F.interpolate(x, scale_factor=2, mode="nearest")], 1)
        x = block(f"up{level}", x, k, k // 2 if level else k)
    return net.conv("head", x, out, 1, True).permute(0, 2, 3, 1)


def mlp_loss(net, batch):
    return F.mse_loss(mlp(net, batch["image"]), batch["target"])


def unet_loss(net, batch):
    """Cross-entropy, the rim weighing three times, plus half the Dice loss of
    the softmax."""
    z, t = unet(net, batch["image"]), batch["target"][..., 0].long()
    w = torch.where(t == 2, 3.0, 1.0).double()
    each = F.cross_entropy(z.permute(0, 3, 1, 2), t, reduction="none")
    entropy = (w * each).sum() / w.sum()
    p, hot = F.softmax(z, -1), F.one_hot(t, 3).double()
    inter = (p * hot).sum((0, 1, 2))
    total = p.sum((0, 1, 2)) + hot.sum((0, 1, 2))
    dice = (1 - (2 * inter + 1) / (total + 1)).mean()
    return entropy + 0.5 * dice


def mlp_batch():
    x = normal(16, 5, digits=2)
    y = np.stack([x[:, 0] * x[:, 1], np.sin(x[:, 2]), x.sum(1) / 2], 1)
    return {"image": x, "target": np.round(y, 3)}


def unet_batch():
    """Disks (class 1) with a rim (2) on a dark ground (0)."""
    r, c = np.mgrid[:16, :16]
    target = np.zeros((2, 16, 16, 1))
    for n in range(2):
        away = np.hypot(r - rng.uniform(4, 12), c - rng.uniform(4, 12))
        target[n, ..., 0] = np.where(away < 4, 1, np.where(away < 6, 2, 0))
    image = np.round((target == 1) + normal(2, 16, 16, 1, scale=0.4), 1)
    return {"image": image, "target": target}


def curves(name, loss_of, batches):
    net = Net()
    for i, batch in enumerate(batches):
        for k, v in batch.items():
            emit(f"{name}/{k}{i}", v)
            batch[k] = torch.tensor(single(v))
    loss_of(net, batches[0])
    for k, v in net.start.items():
        emit(f"{name}/{k}", v)
    for rule in "momentum", "adam":
        net.rewind()
        params = list(net.now.values())
        optim = (torch.optim.SGD(params, lr=0.01, momentum=0.9)
                 if rule == "momentum" else torch.optim.Adam(params, lr=0.001))
        curve = []
        for step in range(STEPS):
            optim.zero_grad()
            loss = loss_of(net, batches[step % BATCHES])
            loss.backward()
            optim.step()
            curve.append(loss.item())
        emit(f"{name}/{rule}", curve, digits=13)
        print(name, rule, "%.6f -> %.6f" % (curve[0], curve[-1]))


curves("mlp", mlp_loss, [mlp_batch() for _ in range(BATCHES)])
curves("unet", unet_loss, [unet_batch() for _ in range(BATCHES)])
OUT.write_text("\n".join(lines) + "\n")
print(f"{OUT}: {OUT.stat().st_size} bytes")
