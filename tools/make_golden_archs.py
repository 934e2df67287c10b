#!/usr/bin/env python3
"""Golden numbers of convolutional architectures, from PyTorch in float64.

Each network is written here anew, from its paper, and run on a small image
with small widths. Parameters, image and target are a formula of their names
(`number`), which tests/nn/test_arch.c computes as well, so the file holds only
results: the answer in training and in inference, the loss, and of every
gradient its length and its product with a probe.

    python3 tools/make_golden_archs.py
"""
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

OUT = pathlib.Path(__file__).parent.parent / "tests" / "golden" / "archs.txt"
lines = []


def emit(name, a):
    a = np.asarray(a, dtype=np.float64)
    lines.append(" ".join([name, str(a.ndim), *map(str, a.shape)]))
    lines.append(" ".join(f"{v:.11g}" for v in a.ravel()))


def number(name, count):
    """Numbers from -1 to 1 that look random: a hash of name and index."""
    mask = np.uint64(0xFFFFFFFF)
    h = 2166136261
    for c in name.encode():
        h = (h ^ c) * 16777619 & 0xFFFFFFFF
    z = np.uint64(h) + np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B9)
    z &= mask
    for shift, factor in (16, 0x85EBCA6B), (13, 0xC2B2AE35):
        z ^= z >> np.uint64(shift)
        z = z * np.uint64(factor) & mask
    z ^= z >> np.uint64(16)
    return z.astype(np.float64) / 2.0 ** 31 - 1


def initial(name, shape):
    u = number(name, int(np.prod(shape)))
    kind = name.rsplit("/", 1)[-1]
    if kind == "weight":
        fan_in = np.prod(shape[:-1])
        v = np.sqrt(6 / fan_in) * u
    elif kind == "scale":
        v = 0.4 + 0.1 * u  # keeps deep gradients from exploding
    elif kind == "var":
        v = 1 + 0.2 * u
    else:
        v = 0.1 * u
    return torch.tensor(v.astype(np.float32).astype(np.float64).reshape(shape))


class Net:
    """Parameters by fovea's names, in its layouts, made when asked for."""

    def __init__(self, train):
        self.train, self.param = train, {}

    def get(self, name, *shape):
        p = initial(name, shape)
        trained = name.rsplit("/", 1)[-1] not in ("mean", "var")
        self.param[name] = p.requires_grad_(trained)
        return p

    def conv(self, name, x, out, side=3, stride=1, pad=None, bias=True):
        w = self.get(f"{name}/weight", side, side, x.shape[1], out)
        b = self.get(f"{name}/bias", out) if bias else None
        w = w.permute(3, 2, 0, 1).contiguous()
        return F.conv2d(x.contiguous(), w, b, stride,
                        side // 2 if pad is None else pad)

    def norm(self, name, x, eps=1e-5):
        c = x.shape[1]
        scale, shift, mean, var = (self.get(f"{name}/{k}", c) for k in
                                   ("scale", "shift", "mean", "var"))
        return F.batch_norm(x, mean.clone(), var.clone(), scale, shift,
                            self.train, 0.1, float(np.float32(eps)))

    def linear(self, name, x, out):
        w = self.get(f"{name}/weight", x.shape[-1], out)
        return x @ w + self.get(f"{name}/bias", out)


def rows(x):
    """Channels last, then one row per image, as fovea flattens."""
    return x.permute(0, 2, 3, 1).flatten(1)


def lenet(n, x):
    for i, maps in (1, 6), (2, 16):
        x = F.max_pool2d(F.relu(n.conv(f"conv{i}", x, maps, 5, pad=0)), 2)
    x = F.relu(n.linear("hidden", rows(x), 12))
    return n.linear("out", x, 10)


def alexnet(n, x, response=False):
    def finish(x, norm):
        x = F.relu(x)
        if norm and response:
            x = F.local_response_norm(x, 5, 5e-4, 0.75, 2.0)
        return F.max_pool2d(x, 3, 2)

    x = finish(n.conv("conv1", x, 2, 11, 4, pad=2), True)
    x = finish(n.conv("conv2", x, 6, 5), True)
    x = F.relu(n.conv("conv3", x, 12))
    x = F.relu(n.conv("conv4", x, 8))
    x = finish(n.conv("conv5", x, 8), False)
    x = rows(F.adaptive_avg_pool2d(x, 6))
    x = F.relu(n.linear("hidden1", x, 8))
    x = F.relu(n.linear("hidden2", x, 8))
    return n.linear("out", x, 4)


BLOCKS = {18: [2, 2, 2, 2], 50: [3, 4, 6, 3]}


def stages(n, x, depth, width, small=False):
    def conv(name, x, *a):
        return n.norm(f"{name}/norm", n.conv(name, x, *a, bias=False))

    if small:
        x = F.relu(conv("stem", x, width))
    else:
        x = F.max_pool2d(F.relu(conv("stem", x, width, 7, 2)), 3, 2, 1)
    maps = []
    for stage, count in enumerate(BLOCKS[depth]):
        for i in range(count):
            at = f"stage{stage + 1}/block{i + 1}"
            stride = 2 if stage and not i else 1
            c = width << stage
            if depth < 50:
                y = F.relu(conv(f"{at}/conv1", x, c, 3, stride))
                y = conv(f"{at}/conv2", y, c)
            else:
                y = F.relu(conv(f"{at}/conv1", x, c, 1))
                y = F.relu(conv(f"{at}/conv2", y, c, 3, stride))
                y = conv(f"{at}/conv3", y, 4 * c, 1)
            if y.shape != x.shape:
                x = conv(f"{at}/skip", x, y.shape[1], 1, stride)
            x = F.relu(x + y)
        maps.append(x)
    return maps


def resnet(n, x, depth, width, small=False):
    return n.linear("out", stages(n, x, depth, width, small)[3].mean((2, 3)), 4)


def fpn(n, x):
    c = [n.conv(f"pyramid{i + 1}/lateral", m, 6, 1)
         for i, m in enumerate(stages(n, x, 18, 2))]
    for i in 2, 1, 0:
        c[i] = c[i] + F.interpolate(c[i + 1], scale_factor=2)
    total = 0
    for i in range(4):
        p = n.conv(f"pyramid{i + 1}/smooth", c[i], 6)
        for k in range(max(i, 1)):
            at = f"head{i + 1}/conv{k + 1}"
            p = F.relu(n.norm(f"{at}/norm", n.conv(at, p, 4, bias=False)))
            if i:
                p = enlarge(p, 2)
        total = total + p
    return enlarge(n.conv("out", total, 3, 1), 4)


def enlarge(x, factor):
    return F.interpolate(x, scale_factor=factor, mode="bilinear",
                         align_corners=False)


def autoencoder(n, x):
    for level in range(2):
        x = F.relu(n.conv(f"down{level}", x, 3 << level, 3, 2))
    c, side = x.shape[1], x.shape[2]
    x = n.linear("bottleneck", rows(x), 5)
    x = F.relu(n.linear("expand", x, c * side * side))
    x = x.reshape(-1, side, side, c).permute(0, 3, 1, 2).contiguous()
    for level in 1, 0:
        x = F.relu(n.conv(f"up{level}", F.interpolate(x, scale_factor=2), 3))
    return n.conv("head", x, 1)


def dncnn(n, image):
    x = F.relu(n.conv("conv1", image, 6))
    for i in 2, 3:
        x = F.relu(n.norm(f"conv{i}/norm",
                          n.conv(f"conv{i}", x, 6, bias=False)))
    return image - n.conv("head", x, 1)


def rcan(n, image):
    x = y = n.conv("first", image, 8)
    for i in 1, 2:
        start = y
        for k in 1, 2:
            at = f"group{i}/block{k}"
            z = n.conv(f"{at}/conv2", F.relu(n.conv(f"{at}/conv1", y, 8)), 8)
            a = F.relu(n.linear(f"{at}/squeeze", z.mean((2, 3)), 2))
            a = torch.sigmoid(n.linear(f"{at}/excite", a, 8))
            y = y + z * a[:, :, None, None]
        y = start + n.conv(f"group{i}/conv", y, 8)
    return n.conv("head", x + n.conv("conv", y, 8), 1)


def max_blur(x):
    """TensorFlow's SAME: the even one out is padded at the far end."""
    x = F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=-torch.inf), 2, 1)
    row = torch.tensor([1.0, 2.0, 1.0], dtype=torch.float64)
    w = (row[:, None] * row / 16).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(x, (0, 1, 0, 1)), w, stride=2, groups=x.shape[1])


def care(n, image, kernel, residual=False, probabilistic=False, norm=False,
         narrow=False, skip=True, blur=False, base=4, depth=2):
    def conv(at, x, c):
        x = n.conv(at, x, c, kernel)
        return F.relu(n.norm(f"{at}/norm", x, 1e-3) if norm else x)

    x, skips = image, []
    for i in range(depth):
        for k in 1, 2:
            x = conv(f"down{i}/conv{k}", x, base * 2 ** i)
        skips.append(x)
        x = max_blur(x) if blur else F.max_pool2d(x, 2)
    x = conv("bottom/conv1", x, base * 2 ** depth)
    x = conv("bottom/conv2", x, base * 2 ** max(0, depth - 1))
    for i in reversed(range(depth)):
        x = F.interpolate(x, scale_factor=2)
        if i > 0 or skip:
            x = torch.cat([x, skips[i]], 1)
        x = conv(f"up{i}/conv1", x, base if narrow else base * 2 ** i)
        x = conv(f"up{i}/conv2", x, base * 2 ** max(0, i - 1))
    mean = n.conv("head", x, image.shape[1], 1)
    if residual:
        mean = mean + image
    if not probabilistic:
        return mean
    scale = F.softplus(n.conv("scale", x, image.shape[1], 1))
    return torch.cat([mean, scale + float(np.float32(1e-3))], 1)


def case(name, f, side, channels=1, images=2, **kw):
    shape = (images, side, side, channels)
    image = torch.tensor(number("image", np.prod(shape)).astype(
        np.float32).astype(np.float64).reshape(shape)).requires_grad_()
    for train in False, True:
        n = Net(train)
        y = f(n, image.permute(0, 3, 1, 2), **kw)
        y = y.permute(0, 2, 3, 1) if y.ndim == 4 else y
        probe = number("probe", y.numel())
        flat = y.detach().numpy().ravel()
        emit(f"{name}/{'train' if train else 'infer'}",
             [np.linalg.norm(flat), flat @ probe, flat[0], flat[-1]])
    target = number("target", y.numel()).astype(np.float32)
    loss = ((y - torch.tensor(target.astype(np.float64)).reshape(
        y.shape)) ** 2).mean()
    loss.backward()
    emit(f"{name}/loss", loss.item())
    for key, p in [("image", image), *n.param.items()]:
        if p.grad is not None:
            g = p.grad.numpy().ravel()
            emit(f"{name}/{key}", [np.linalg.norm(g),
                                   g @ number(f"probe/{key}", g.size)])
    print(name, tuple(y.shape), "loss %.6f" % loss.item())


case("lenet", lenet, 28)
case("alexnet", alexnet, 67, 3)
case("alexnet_norm", alexnet, 67, 3, response=True)
case("resnet18", resnet, 64, 3, depth=18, width=2)
case("resnet50", resnet, 64, 3, depth=50, width=2)
case("resnet_small", resnet, 16, 3, depth=18, width=2, small=True)
case("fpn", fpn, 64, 3)
case("autoencoder", autoencoder, 16)
case("dncnn", dncnn, 13)
case("rcan", rcan, 11)
case("care", care, 16, kernel=5, residual=True)
case("care_scale", care, 12, kernel=3, residual=True, probabilistic=True)
case("n2v", care, 16, kernel=5, norm=True, narrow=True)
case("n2v2", care, 16, kernel=3, norm=True, skip=False, blur=True)
OUT.write_text("\n".join(lines) + "\n")
print(f"{OUT}: {OUT.stat().st_size} bytes")
