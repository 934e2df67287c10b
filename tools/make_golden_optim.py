#!/usr/bin/env python3
"""Golden numbers of optimizers and learning rate schedules.

Runs PyTorch's optimizers in float64 on given gradients, and plain numpy where
include/fovea/optim.h differs from PyTorch: decay of gradient descent is apart
from the gradient there. Writes tests/golden/optim.txt.

    python3 tools/make_golden_optim.py
"""
import pathlib

import numpy as np
import torch

OUT = pathlib.Path(__file__).parent.parent / "tests" / "golden" / "optim.txt"
STEPS = 12
rng = np.random.default_rng(11)
lines = []


def emit(name, a):
    a = np.asarray(a, dtype=np.float64)
    lines.append(" ".join([name, str(a.ndim), *map(str, a.shape)]))
    lines.append(" ".join("%.13g" % v for v in a.ravel()))


# 12 weights, which decay, then 3 biases, which do not.
start = np.round(rng.normal(size=15), 3)
grads = np.round(rng.normal(size=(STEPS, 15)), 3)
emit("given/w", start)
emit("given/g", grads)


def by_torch(name, make, decay=0.0, clip=None):
    w = torch.tensor(start[:12], requires_grad=True)
    b = torch.tensor(start[12:], requires_grad=True)
    opt = make([{"params": [w], "weight_decay": decay},
                {"params": [b], "weight_decay": 0.0}])
    track = []
    for g in grads:
        size = np.linalg.norm(g)
        g = g * min(1.0, clip / size) if clip else g
        w.grad, b.grad = torch.tensor(g[:12]), torch.tensor(g[12:])
        opt.step()
        track.append(torch.cat([w, b]).detach().numpy().copy())
    emit(f"{name}/w", track)


def by_numpy(name, lr, decay, m=0.0, nesterov=False):
    """v <- m v + a g;  w <- w - a l w - (v, or m v + a g)."""
    w, v, track = start.copy(), np.zeros(15), []
    mask = np.r_[np.ones(12), np.zeros(3)]
    for g in grads:
        v = m * v + lr * g
        w = w - lr * decay * mask * w - (m * v + lr * g if nesterov else v)
        track.append(w.copy())
    emit(f"{name}/w", track)


O = torch.optim
by_torch("sgd", lambda p: O.SGD(p, lr=0.05))
by_torch("momentum", lambda p: O.SGD(p, lr=0.05, momentum=0.9))
by_torch("nesterov",
         lambda p: O.SGD(p, lr=0.05, momentum=0.9, nesterov=True))
by_torch("adam", lambda p: O.Adam(p, lr=0.01))
by_torch("adamw", lambda p: O.AdamW(p, lr=0.01))
by_torch("adam_decay", lambda p: O.Adam(p, lr=0.01), decay=0.1)
by_torch("adamw_decay", lambda p: O.AdamW(p, lr=0.01), decay=0.1)
by_torch("sgd_clip", lambda p: O.SGD(p, lr=0.05), clip=2.5)
by_torch("adamw_clip", lambda p: O.AdamW(p, lr=0.01), clip=2.5)
by_numpy("sgd_decay", 0.05, 0.1)
by_numpy("momentum_decay", 0.05, 0.1, m=0.9)
by_numpy("nesterov_decay", 0.05, 0.1, m=0.9, nesterov=True)


def rates(name, make, steps=40):
    opt = O.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    rule = make(opt)
    track = []
    for _ in range(steps):
        track.append(opt.param_groups[0]["lr"])
        opt.step()
        rule.step()
    emit(f"{name}/lr", track)


S = O.lr_scheduler
rates("step", lambda o: S.StepLR(o, 10, gamma=0.5))
rates("cosine", lambda o: S.CosineAnnealingLR(o, 40, eta_min=0.01))
rates("restart",
      lambda o: S.CosineAnnealingWarmRestarts(o, 10, eta_min=0.01))
rates("warm_cosine", lambda o: S.SequentialLR(
    o, [S.LinearLR(o, 1 / 8, 1.0, total_iters=7),
        S.CosineAnnealingLR(o, 32, eta_min=0.01)], milestones=[8]))

OUT.write_text("\n".join(lines) + "\n")
