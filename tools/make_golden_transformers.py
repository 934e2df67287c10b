#!/usr/bin/env python3
"""Golden answers and gradients of transformers, by PyTorch in float64.

The definitions here are written from the papers and from what segment-anything
and torchvision are documented to compute. Weights, images and targets are not
stored: both sides draw them from one hash of name and index. Of every
parameter's gradient two numbers are kept, its product with such a drawn vector
and its length. Writes tests/golden/transformers.txt.

    python3 tools/make_golden_transformers.py
"""
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

OUT = (pathlib.Path(__file__).parent.parent / "tests" / "golden" /
       "transformers.txt")
lines = []


def emit(name, t):
    a = np.asarray(t.detach() if torch.is_tensor(t) else t, dtype=np.float64)
    lines.append(" ".join([name, str(a.ndim), *map(str, a.shape)]))
    lines.append(" ".join("%.9g" % v for v in a.ravel()))


def drawn(name, shape, lo=-1.0, hi=1.0):
    """Numbers in lo..hi, a function of name and index; as float32 has them."""
    h = 0
    for byte in name.encode():
        h = (h * 31 + byte) & 0xFFFFFFFF
    i = np.arange(int(np.prod(shape)), dtype=np.uint64)
    x = (i * 2654435761 + h) & 0xFFFFFFFF
    x ^= x >> 15
    x = (x * 2246822519) & 0xFFFFFFFF
    x ^= x >> 13
    a = (lo + (hi - lo) * (x / 4294967296.0)).astype(np.float32)
    return torch.tensor(a.astype(np.float64).reshape(shape))


class Net:
    """Parameters by name, drawn when first asked for; fovea's layouts."""

    def __init__(self):
        self.params, self.scope = {}, []

    def get(self, leaf, shape):
        name = "/".join([*self.scope, leaf])
        if name not in self.params:
            kind = leaf.split("/")[-1]
            lo, hi = -0.3, 0.3
            if kind == "scale":
                lo, hi = 0.5, 1.5
            elif kind == "weight":
                hi = (3 / np.prod(shape[:-1])) ** 0.5
                lo = -hi
            self.params[name] = drawn(name, shape, lo, hi).requires_grad_()
        return self.params[name]

    def within(self, scope, f, *args, **kw):
        self.scope.append(scope)
        y = f(*args, **kw)
        self.scope.pop()
        return y

    def linear(self, name, x, out, bias=True):
        y = x @ self.get(f"{name}/weight", (x.shape[-1], out))
        return y + self.get(f"{name}/bias", (out,)) if bias else y

    def norm(self, name, x, eps):
        c = x.shape[-1]
        return F.layer_norm(x, (c,), self.get(f"{name}/scale", (c,)),
                            self.get(f"{name}/shift", (c,)), eps)

    def conv(self, name, x, out, side, stride=1, pad=0, bias=True):
        """Of a map (N,H,W,C)."""
        w = self.get(f"{name}/weight", (side, side, x.shape[-1], out))
        b = self.get(f"{name}/bias", (out,)) if bias else None
        y = F.conv2d(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), b,
                     stride=stride, padding=pad)
        return y.permute(0, 2, 3, 1)


def heads(t, n):
    """(B, T, C) as (B, n, T, C/n)."""
    return t.unflatten(-1, (n, -1)).transpose(1, 2)


def attend(qkv, n, bias_of=None):
    """(B, T, 3C) to (B, T, C); bias_of(q) is added to the scores."""
    q, k, v = (heads(t, n) for t in qkv.chunk(3, -1))
    y = F.scaled_dot_product_attention(
        q, k, v, attn_mask=bias_of(q) if bias_of else None)
    return y.transpose(1, 2).flatten(2)


def windows(t, w):
    """Maps (B,H,W,C) as windows (B*,w*w,C)."""
    b, h, wide, c = t.shape
    t = t.reshape(b, h // w, w, wide // w, w, c).transpose(2, 3)
    return t.reshape(-1, w * w, c)


def unwindows(t, w, h, wide):
    t = t.reshape(-1, h // w, wide // w, w, w, t.shape[-1]).transpose(2, 3)
    return t.reshape(-1, h, wide, t.shape[-1])


def mlp(net, x, eps, scale):
    y = net.norm("norm", x, eps)
    y = net.linear("out", F.gelu(net.linear("in", y, 4 * x.shape[-1])),
                   x.shape[-1])
    return x + (y * net.get("scale/scale", (x.shape[-1],)) if scale else y)


# ---- ViT ----


def vit(net, image, out, patch, width, depth, n, token, scale):
    def attention(x):
        y = net.linear("qkv", net.norm("norm", x, 1e-6), 3 * width)
        y = net.linear("out", attend(y, n), width)
        return x + (y * net.get("scale/scale", (width,)) if scale else y)

    x = net.conv("patches", image, width, patch, patch).flatten(1, 2)
    if token:
        first = net.get("class/tokens", (1, width))
        x = torch.cat([first.expand(len(x), 1, -1), x], 1)
    x = x + net.get("positions/tokens", x.shape[1:])
    for i in range(depth):
        x = net.within(f"block{i + 1}/attention", attention, x)
        x = net.within(f"block{i + 1}/mlp", mlp, net, x, 1e-6, scale)
    x = net.norm("norm", x, 1e-6)
    return net.linear("head", x[:, 0] if token else x.mean(1), out)


# ---- Segment Anything ----


def by_axis(table, side):
    """Rows for query i and key j; another length is stretched linearly."""
    t = F.interpolate(table.T[None], size=2 * side - 1, mode="linear")[0].T
    i = torch.arange(side)
    return t[i[:, None] - i[None, :] + side - 1]


def sam(net, image, neck, patch, width, depth, n, window, rows=None):
    def attention(x, w, length):
        b, h, wide, c = x.shape
        y = net.norm("norm", x, 1e-6)
        if w:
            y = F.pad(y, (0, 0, 0, -wide % w, 0, -h % w))
        padded = y.shape[1:3]
        side = (w, w) if w else padded
        y = net.linear("qkv", windows(y, w) if w else y.flatten(1, 2), 3 * c)
        tables = [net.get(k, (length or 2 * s - 1, c // n))
                  for k, s in zip(("rows", "columns"), side)]

        def bias(q):
            q = q.unflatten(2, side)
            up = torch.einsum("bnhwc,hkc->bnhwk", q,
                              by_axis(tables[0], side[0]))
            left = torch.einsum("bnhwc,wkc->bnhwk", q,
                                by_axis(tables[1], side[1]))
            both = up[..., :, None] + left[..., None, :]
            return both.reshape(len(q), n, side[0] * side[1], -1)

        y = net.linear("out", attend(y, n, bias), c)
        y = unwindows(y, w, *padded) if w else y.unflatten(1, padded)
        return x + y[:, :h, :wide]

    x = net.conv("patches", image, width, patch, patch)
    x = x + net.get("positions/tokens", x.shape[1:])
    every = max(depth // 4, 1)
    for i in range(depth):
        everywhere = (i + 1) % every == 0
        length = rows and rows[everywhere]
        x = net.within(f"block{i + 1}/attention", attention, x,
                       0 if everywhere else window, length)
        x = net.within(f"block{i + 1}/mlp", mlp, net, x, 1e-6, False)
    x = net.norm("neck1/norm", net.conv("neck1", x, neck, 1, bias=False), 1e-6)
    return net.norm("neck2/norm",
                    net.conv("neck2", x, neck, 3, pad=1, bias=False), 1e-6)


def segment(net, image, out, patch, neck, **kw):
    x = sam(net, image, neck, patch, **kw)
    x = net.conv("head", x, out * patch ** 2, 1)
    return F.pixel_shuffle(x.permute(0, 3, 1, 2), patch).permute(0, 2, 3, 1)


# ---- Swin ----


def swin(net, image, out, width, n, window, blocks, patch=4):
    def attention(x, n, shift):
        b, h, wide, c = x.shape
        w = window
        y = F.pad(net.norm("norm", x, 1e-5),
                  (0, 0, 0, -wide % w, 0, -h % w))
        padded = y.shape[1:3]
        move = [shift if side > w else 0 for side in padded]
        y = y.roll([-m for m in move], (1, 2))
        part = torch.zeros(1, *padded, 1)
        part[:, padded[0] - move[0]:] += 1
        part[:, :, padded[1] - move[1]:] += 2
        part = windows(part, w)[..., 0]
        apart = part[:, None, :] != part[:, :, None]
        r, k = (t.flatten() for t in torch.meshgrid(
            torch.arange(w), torch.arange(w), indexing="ij"))
        index = ((r[:, None] - r + w - 1) * (2 * w - 1) +
                 k[:, None] - k + w - 1)
        table = net.get("distances", ((2 * w - 1) ** 2, n))
        bias = table[index].permute(2, 0, 1)[None]
        bias = bias.masked_fill(apart[:, None], -torch.inf).repeat(b, 1, 1, 1)
        y = attend(net.linear("qkv", windows(y, w), 3 * c), n, lambda q: bias)
        y = unwindows(net.linear("out", y, c), w, *padded)
        return x + y.roll(move, (1, 2))[:, :h, :wide]

    def merge(x):
        x = F.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
        x = F.pixel_unshuffle(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
        x = net.norm("norm", x, 1e-5)
        return net.linear("linear", x, x.shape[-1] // 2, bias=False)

    x = net.conv("patches", image, width, patch, patch)
    x = net.norm("patches/norm", x, 1e-5)
    for s, count in enumerate(blocks):
        if s:
            x = net.within(f"stage{s + 1}/merge", merge, x)
        for i in range(count):
            scope = f"stage{s + 1}/block{i + 1}"
            x = net.within(f"{scope}/attention", attention, x, n << s,
                           window // 2 if i % 2 else 0)
            x = net.within(f"{scope}/mlp", mlp, net, x, 1e-5, False)
    return net.linear("head", net.norm("norm", x, 1e-5).mean((1, 2)), out)


def case(name, shape, f, **kw):
    net = Net()
    x = drawn(f"{name}/image", shape).requires_grad_()
    y = f(net, x, **kw)
    loss = F.mse_loss(y, drawn(f"{name}/target", y.shape))
    loss.backward()
    emit(f"{name}/image", x.shape)
    emit(f"{name}/answer", y)
    emit(f"{name}/dimage", x.grad)
    for k, p in net.params.items():
        emit(f"{name}/{k}", [(p.grad * drawn(k, p.shape)).sum(),
                             p.grad.norm()])
    count = sum(p.numel() for p in net.params.values())
    print(name, tuple(y.shape), count, "parameters, loss %.4g" % loss.item())


case("token", (2, 12, 12, 3), vit, out=4, patch=4, width=12, depth=2, n=3,
     token=True, scale=True)
case("mean", (1, 8, 8, 1), vit, out=3, patch=2, width=8, depth=1, n=2,
     token=False, scale=False)
case("sam", (2, 12, 12, 3), sam, neck=6, patch=2, width=8, depth=8, n=2,
     window=4)
case("segment", (1, 20, 20, 2), segment, out=3, patch=4, neck=6, width=8,
     depth=4, n=2, window=0, rows=(27, 127))
case("swin", (1, 20, 28, 3), swin, out=3, width=8, n=1, window=3,
     blocks=(2, 2, 2, 2))
OUT.write_text("\n".join(lines) + "\n")
print(f"{OUT}: {OUT.stat().st_size} bytes")
