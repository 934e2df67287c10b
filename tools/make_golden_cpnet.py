#!/usr/bin/env python3
"""Golden numbers of CPnet, by the PyTorch code of Cellpose 3.1.1.3, float64.

Weights follow a formula of their name and index that the test has too. Writes
tests/golden/cpnet.txt: an image, for each convolution two sums over what it
answers, the style, and the answer.

    PYTHONPATH=DIR_3.1.1.3 python3 tools/make_golden_cpnet.py
"""
import pathlib

import numpy as np
import torch
from cellpose.resnet_torch import CPnet

OUT = pathlib.Path(__file__).parent.parent / "tests" / "golden" / "cpnet.txt"
BASE, LEVELS, IN, ANSWERS = 4, 4, 2, 3
KINDS = {"weight": "scale", "bias": "shift", "running_mean": "mean",
         "running_var": "var"}  # of a batch norm
lines = []


def emit(name, a, digits=8):
    a = np.asarray(a, dtype=np.float64)
    lines.append(" ".join([name, str(a.ndim), *map(str, a.shape)]))
    lines.append(" ".join(f"{v:.{digits}g}" for v in a.ravel()))


def formula(name, count):
    """From -1 to 1, a hash of name and index."""
    h = np.uint32(2166136261)
    with np.errstate(over="ignore"):
        for c in name.encode():
            h = (h ^ np.uint32(c)) * np.uint32(16777619)
        z = h + np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9)
        z = (z ^ z >> 16) * np.uint32(0x85EBCA6B)
        z = (z ^ z >> 13) * np.uint32(0xC2B2AE35)
    return (z ^ z >> 16) / 2147483648.0 - 1


def number(name, kind, shape):
    """In fovea's layout: channels in, then channels out, last."""
    u = formula(name, int(np.prod(shape))).reshape(shape)
    if kind == "weight":
        u *= (3 / np.prod(shape[:-1])) ** 0.5
    elif kind in ("scale", "var"):
        u = 1 + 0.3 * u
    else:
        u *= 0.2
    return u.astype(np.float32).astype(np.float64)


def fill(net):
    for key, module in net.named_modules():
        norm = isinstance(module, torch.nn.BatchNorm2d)
        for leaf, p in [*module.named_parameters(recurse=False),
                        *module.named_buffers(recurse=False)]:
            if not key or leaf == "num_batches_tracked":
                continue
            kind = KINDS[leaf] if norm else leaf
            last = list(range(2, p.ndim)) + [1, 0] if p.ndim > 1 else [0]
            shape = [p.shape[a] for a in last]
            v = number(f"{key.replace('.', '/')}/{kind}", kind, shape)
            p.data = torch.tensor(np.transpose(v, np.argsort(last)))


def two_sums(name, y):
    """Root of the sum of squares, and a sum with weights from -1 to 1; of
    channels last."""
    v = np.moveaxis(y.numpy(), 1, -1).ravel()
    return [np.sqrt((v ** 2).sum()), v @ formula(name, len(v))]


def main():
    net = CPnet([IN, *(BASE << k for k in range(LEVELS))], ANSWERS, 3).double()
    net.eval()
    fill(net)
    for key, module in net.named_modules():
        if isinstance(module, torch.nn.Conv2d):
            name = key.replace(".", "/")
            module.register_forward_hook(
                lambda m, x, y, name=name: emit(f"cpnet/{name}",
                                                two_sums(name, y)))
    image = np.round(np.random.default_rng(8).normal(size=(2, 16, 24, IN)), 3)
    emit("cpnet/image", image)
    with torch.no_grad():
        y, style, _ = net(torch.tensor(np.moveaxis(image, -1, 1)))
    emit("cpnet/style", style)
    emit("cpnet/answer", np.moveaxis(y.numpy(), 1, -1), 7)
    OUT.write_text("\n".join(lines) + "\n")


main()
