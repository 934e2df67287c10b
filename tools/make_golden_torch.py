#!/usr/bin/env python3
"""Small files of weights by PyTorch itself, and what its networks answer.

Writes tests/golden/dncnn.pth (an archive: a state dict with attributes),
dncnn-2019.pth (the format before archives: two dicts in a dict, one of strided
views), dncnn-half.pth (norms, 16-bit numbers), unet.pth (a transposed
convolution), and torch.txt: an image and the answers in double precision.

    python3 tools/make_golden_torch.py
"""
import pathlib

import numpy as np
import torch
from torch import nn

OUT = pathlib.Path(__file__).parent.parent / "tests" / "golden"
DEPTH, WIDTH, SIDE = 4, 3, 8
lines = []


def emit(name, a):
    a = a.detach().double().permute(0, 2, 3, 1).numpy()
    lines.append(" ".join(["torch/" + name, str(a.ndim), *map(str, a.shape)]))
    lines.append(" ".join(f"{v:.9g}" for v in a.ravel()))


class Stack(nn.Module):
    """Convolutions with ReLU, maybe norms, that find the noise."""

    def __init__(self, name, norm):
        super().__init__()
        layers = [nn.Conv2d(1, WIDTH, 3, padding=1, bias=not norm), nn.ReLU()]
        for _ in range(DEPTH - 2):
            layers.append(nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=not norm))
            layers += [nn.BatchNorm2d(WIDTH)] if norm else []
            layers.append(nn.ReLU())
        layers.append(nn.Conv2d(WIDTH, 1, 3, padding=1, bias=not norm))
        setattr(self, name, nn.Sequential(*layers))
        self.layers = name

    def forward(self, x):
        return x - getattr(self, self.layers)(x)


class Unet(nn.Module):
    """One halving, enlarged by a transposed convolution."""

    def __init__(self):
        super().__init__()
        self.down0 = nn.ModuleDict({"conv1": nn.Conv2d(1, 2, 3, padding=1)})
        self.bottom = nn.ModuleDict({"conv1": nn.Conv2d(2, 4, 3, padding=1)})
        self.up0 = nn.ModuleDict({
            "enlarge": nn.ConvTranspose2d(4, 2, 2, stride=2),
            "conv1": nn.Conv2d(4, 2, 3, padding=1)})
        self.head = nn.Conv2d(2, 1, 1)

    def forward(self, x):
        skip = torch.relu(self.down0["conv1"](x))
        x = torch.relu(self.bottom["conv1"](nn.functional.max_pool2d(skip, 2)))
        x = torch.cat([skip, self.up0["enlarge"](x)], 1)
        return self.head(torch.relu(self.up0["conv1"](x)))


def answer(net, image):
    return net.double().eval()(image.double())


def strided(state):
    """The same numbers with their axes in another order in memory."""
    return {k: v.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0)
            if v.ndim == 4 else v for k, v in state.items()}


def main():
    torch.manual_seed(3)
    image = torch.rand(1, 1, SIDE, SIDE)
    emit("image", image)

    net = Stack("model", norm=False)
    torch.save(net.state_dict(), OUT / "dncnn.pth")
    torch.save({"params": {k: v + 1 for k, v in net.state_dict().items()},
                "params_ema": strided(net.state_dict()), "epoch": 3,
                "rate": 0.5, "done": [True, None, -70000, 1 << 40]},
               OUT / "dncnn-2019.pth", _use_new_zipfile_serialization=False)
    emit("dncnn", answer(net, image))

    net = Stack("dncnn", norm=True)
    for m in net.modules():
        if isinstance(m, nn.BatchNorm2d):
            for t in (m.weight, m.bias, m.running_mean, m.running_var):
                t.data.uniform_(0.5, 1.5)
    net.half()
    torch.save({"module." + k: v for k, v in net.state_dict().items()},
               OUT / "dncnn-half.pth")
    emit("dncnn-half", answer(net, image))

    net = Unet()
    torch.save(net.state_dict(), OUT / "unet.pth")
    emit("unet", answer(net, image))
    (OUT / "torch.txt").write_text("\n".join(lines) + "\n")


main()
