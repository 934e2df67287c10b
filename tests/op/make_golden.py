#!/usr/bin/env python3
"""Writes golden.txt: operations and their gradients by PyTorch, in double.

Run from this folder: python3 make_golden.py > golden.txt
Inputs are whole numbers divided by a power of two, so that both sides start
from the same bits. Activations are channels last, as in fovea.
"""
import numpy as np
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
rng = np.random.default_rng(11)


def odd(*shape):  # odd multiples of 1/128: never zero
    odd.last = 2 * rng.integers(-64, 64, shape) + 1
    return odd.last, 128


def even(*shape):  # multiples of 1/64: never equal to an odd one
    return 2 * rng.integers(-64, 65, shape), 128


def unit(*shape):
    return rng.integers(0, 129, shape), 128


def positive(*shape):
    return rng.integers(64, 192, shape), 128


def distinct(*shape):
    count = int(np.prod(shape))
    return rng.permutation(count).reshape(shape) - count // 2, 64


def near(*shape):  # not far from the input before it
    return odd.last + 6 * rng.integers(-8, 9, shape), 128


def classes(count):
    return lambda *shape: (rng.integers(-1, count, shape), 1)


def first(x):  # channels last to channels first
    return x.movedim(-1, 1)


def last(x):
    return x.movedim(1, -1)


MOMENTUM = float(np.float32(0.1))  # fovea keeps it as a float
CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
DECONV = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVG = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


def conv(**kw):
    def run(x, w, b=None):
        w = w.movedim((-1, -2), (0, 1))
        return last(CONV[x.ndim - 2](first(x), w, b, **kw))
    return run


def conv_transposed(**kw):
    def run(x, w, b=None):
        w = w.movedim((-2, -1), (0, 1))
        return last(DECONV[x.ndim - 2](first(x), w, b, **kw))
    return run


def pool(table, side, stride):
    return lambda x: last(table[x.ndim - 2](first(x), side, stride))


def padded(side, stride, pad, tail):
    """Max pooling; minus infinity outside."""
    def run(x):
        n = x.ndim - 2
        x = F.pad(first(x), (pad, pad + tail) * n, value=-torch.inf)
        return last(MAX[n](x, side, stride))
    return run


def blur(side, stride, pad, tail):
    """Binomial weights, each channel for itself, as grouped convolution."""
    row = np.array([1.0])
    for _ in range(side - 1):
        row = np.convolve(row, [0.5, 0.5])

    def run(x):
        n, c = x.ndim - 2, x.shape[-1]
        w = row
        for _ in range(n - 1):
            w = np.multiply.outer(w, row)
        w = torch.tensor(w).expand(c, 1, *w.shape)
        x = F.pad(first(x), (pad, pad + tail) * n)
        return last(CONV[n](x, w, stride=stride, groups=c))
    return run


def adaptive(*sides):
    table = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d,
             3: F.adaptive_avg_pool3d}
    return lambda x: last(table[len(sides)](first(x), sides))


def response(size, alpha):
    """PyTorch divides alpha by the size."""
    return lambda x: last(F.local_response_norm(first(x), size, alpha * size,
                                                0.75, 2.0))


def nearest(factor):
    return lambda x: last(F.interpolate(first(x), scale_factor=factor))


def bilinear(factor):
    return lambda x: last(F.interpolate(
        first(x), scale_factor=factor, mode=LINEAR[x.ndim - 2],
        align_corners=False))


def batch_norm(train, eps):
    def run(x, scale, shift, mean, var):
        return last(F.batch_norm(first(x), mean, var, scale, shift, train,
                                 MOMENTUM, eps))
    return run


def layer_norm(eps):
    return lambda x, scale, shift: F.layer_norm(x, x.shape[-1:], scale, shift,
                                                eps)


def mean_of(term, weight):
    if weight is None:
        return term.mean()
    weight = weight.expand_as(term)
    return (term * weight).sum() / weight.sum()


def cross_entropy(class_weight=None):
    def run(x, t, w=None):
        t = t[..., 0].long()
        t = torch.where(t < 0, -100, t)
        cw = None if class_weight is None else torch.tensor(class_weight)
        if w is None:
            return F.cross_entropy(first(x), t, cw)
        term = F.cross_entropy(first(x), t, cw, reduction="none")
        total = w[..., 0] * (t >= 0)
        if cw is not None:
            total = total * cw[t.clamp(min=0)]
        return (term * w[..., 0]).sum() / total.sum()
    return run


def bce(x, t, w=None):
    return mean_of(F.binary_cross_entropy_with_logits(
        x, t, reduction="none"), w)


def mse(x, t, w=None):
    return mean_of((x - t) ** 2, w)


def mae(x, t, w=None):
    return mean_of((x - t).abs(), w)


def dice(p, t, w=None):
    w = torch.ones_like(p[..., :1]) if w is None else w
    axes = tuple(range(p.ndim - 1))
    both, sides = (w * p * t).sum(axes), (w * (p + t)).sum(axes)
    return (1 - (2 * both + 1) / (sides + 1)).mean()


def smooth_cross_entropy(smoothing, class_weight=None):
    smoothing = float(np.float32(smoothing))

    def run(x, t, w=None):
        t = t[..., 0].long()
        t = torch.where(t < 0, -100, t)
        cw = None if class_weight is None else torch.tensor(class_weight)
        if w is None:
            return F.cross_entropy(first(x), t, cw, label_smoothing=smoothing)
        term = F.cross_entropy(first(x), t, cw, reduction="none",
                               label_smoothing=smoothing)
        total = w[..., 0] * (t >= 0)
        if cw is not None:
            total = total * cw[t.clamp(min=0)]
        return (term * w[..., 0]).sum() / total.sum()
    return run


def laplace(x, t, w=None):
    mean, scale = x.chunk(2, -1)
    term = -torch.distributions.Laplace(mean, scale).log_prob(t)
    return mean_of(term, w)


def ssim_maps(x, t, span):
    """Luminance, and contrast times structure, within the image."""
    row = torch.exp(-(torch.arange(11.0) - 5) ** 2 / (2 * 1.5 ** 2))
    g = torch.outer(row, row) / row.sum() ** 2

    def mean(v):
        return F.conv2d(v, g.expand(v.shape[1], 1, 11, 11), groups=v.shape[1])

    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    u, v = mean(x), mean(t)
    a, b, c = mean(x * x) - u * u, mean(t * t) - v * v, mean(x * t) - u * v
    return ((2 * u * v + c1) / (u * u + v * v + c1),
            (2 * c + c2) / (a + b + c2))


def ssim(scales):
    def run(x, t):
        x, t = first(x), first(t)
        w = torch.tensor([0.0448, 0.2856, 0.3001, 0.2363, 0.1333][:scales])
        w = w / w.sum()
        value = 1
        for j in range(scales):
            if j:
                x, t = F.avg_pool2d(x, 2), F.avg_pool2d(t, 2)
            light, form = ssim_maps(x, t, 2.0)
            if j == scales - 1:
                form = light * form
            m = form.mean((2, 3))
            value = value * (m if scales == 1 else m.clamp(min=0) ** w[j])
        return 1 - value.mean()
    return run


def fourier(x, t):
    a, b = (torch.fft.fft2(first(v), norm="ortho").abs() for v in (x, t))
    return (a - b).abs().mean()


def star(distance, background):
    def run(x, t, w=None):
        w = torch.ones_like(x[..., :1]) if w is None else w
        p, mass = t[..., :1], w.sum()
        near = (x[..., 1:] - t[..., 1:]).abs().mean(-1, keepdim=True)
        far = x[..., 1:].abs().mean(-1, keepdim=True)
        return bce(x[..., :1], p, w) + distance * (
            (w * p * near).sum() / (w * p).sum()
            + background * (w * (1 - p) * far).sum() / mass)
    return run


CW = [0.5, 0.75, 1.0]
# text, function, inputs (kind and shape), how many of them have a gradient
ROWS = [
    ("linear:n2:c3>5:2", lambda x, w, b: x @ w + b,
     [(odd, 2, 2, 3), (odd, 3, 5), (odd, 5)], 3),
    ("conv:n1:c2>3:k3:p1:5x4", conv(padding=1),
     [(odd, 1, 5, 4, 2), (odd, 3, 3, 2, 3), (odd, 3)], 3),
    ("conv:n2:c2>2:k3:t2:d2:p2:7x6", conv(padding=2, stride=2, dilation=2),
     [(odd, 2, 7, 6, 2), (odd, 3, 3, 2, 2), (odd, 2)], 3),
    ("conv:n1:c2>2:k1x3:t1x2:p0x1:nobias:3x5",
     conv(padding=(0, 1), stride=(1, 2)),
     [(odd, 1, 3, 5, 2), (odd, 1, 3, 2, 2)], 2),
    ("conv:n2:c2>3:k3:p1:6", conv(padding=1),
     [(odd, 2, 6, 2), (odd, 3, 2, 3), (odd, 3)], 3),
    ("conv:n1:c2>2:k2x3x2:t1x2x1:4x5x3", conv(stride=(1, 2, 1)),
     [(odd, 1, 4, 5, 3, 2), (odd, 2, 3, 2, 2, 2), (odd, 2)], 3),
    ("conv_transposed:n1:c3>2:k2:t2:3x4", conv_transposed(stride=2),
     [(odd, 1, 3, 4, 3), (odd, 2, 2, 3, 2), (odd, 2)], 3),
    ("conv_transposed:n1:c2>3:k3:t2:p1:3x4",
     conv_transposed(stride=2, padding=1),
     [(odd, 1, 3, 4, 2), (odd, 3, 3, 2, 3), (odd, 3)], 3),
    ("conv_transposed:n1:c2>2:k3x2:t3x1:d2x3:p1x0:nobias:3x3",
     conv_transposed(stride=(3, 1), dilation=(2, 3), padding=(1, 0)),
     [(odd, 1, 3, 3, 2), (odd, 3, 2, 2, 2)], 2),
    ("conv_transposed:n1:c2>2:k2:t2:2x3x2", conv_transposed(stride=2),
     [(odd, 1, 2, 3, 2, 2), (odd, 2, 2, 2, 2, 2), (odd, 2)], 3),
    ("max_pool:n2:c3:k2:t2:5x4", pool(MAX, 2, 2), [(distinct, 2, 5, 4, 3)], 1),
    ("max_pool:n1:c2:k3:t2:7x8", pool(MAX, 3, 2), [(distinct, 1, 7, 8, 2)], 1),
    ("max_pool:n1:c2:k2:t1:2x3x4", pool(MAX, 2, 1),
     [(distinct, 1, 2, 3, 4, 2)], 1),
    ("avg_pool:n2:c3:k2:t2:5x4", pool(AVG, 2, 2), [(odd, 2, 5, 4, 3)], 1),
    ("avg_pool:n1:c2:k3:t2:8", pool(AVG, 3, 2), [(odd, 1, 8, 2)], 1),
    ("global_avg_pool:n2:c3:3x4", lambda x: x.mean((1, 2)),
     [(odd, 2, 3, 4, 3)], 1),
    ("upsample:n1:c2:f2:nearest:3x2", nearest(2), [(odd, 1, 3, 2, 2)], 1),
    ("upsample:n1:c2:f3:nearest:4", nearest(3), [(odd, 1, 4, 2)], 1),
    ("upsample:n1:c2:f2:bilinear:3x4", bilinear(2), [(odd, 1, 3, 4, 2)], 1),
    ("upsample:n1:c2:f3:bilinear:3x1", bilinear(3), [(odd, 1, 3, 1, 2)], 1),
    ("upsample:n1:c2:f4:bilinear:4", bilinear(4), [(odd, 1, 4, 2)], 1),
    ("upsample:n1:c1:f2:bilinear:2x3x2", bilinear(2),
     [(odd, 1, 2, 3, 2, 1)], 1),
    ("batch_norm:n2:c3:eps=0.0009765625:3x2", batch_norm(True, 2.0 ** -10),
     [(odd, 2, 3, 2, 3), (positive, 3), (odd, 3), (odd, 3), (positive, 3)], 3),
    ("batch_norm:n2:c3:infer:eps=0.0009765625:3x2",
     batch_norm(False, 2.0 ** -10),
     [(odd, 2, 3, 2, 3), (positive, 3), (odd, 3), (odd, 3), (positive, 3)], 0),
    ("layer_norm:n2:c5:eps=0.0009765625:3", layer_norm(2.0 ** -10),
     [(odd, 2, 3, 5), (positive, 5), (odd, 5)], 3),
    ("relu:n2:c3:4", F.relu, [(odd, 2, 4, 3)], 1),
    ("leaky_relu:n2:c3:value=0.125:4", lambda x: F.leaky_relu(x, 0.125),
     [(odd, 2, 4, 3)], 1),
    ("sigmoid:n2:c3:4", torch.sigmoid, [(odd, 2, 4, 3)], 1),
    ("tanh:n2:c3:4", torch.tanh, [(odd, 2, 4, 3)], 1),
    ("gelu:n2:c3:4", F.gelu, [(odd, 2, 4, 3)], 1),
    ("softmax:n2:c5:3", lambda x: x.softmax(-1), [(odd, 2, 3, 5)], 1),
    ("scale:n2:c3:value=-1.5:4", lambda x: -1.5 * x, [(odd, 2, 4, 3)], 1),
    ("add:n2:c3:4", lambda a, b: a + b, [(odd, 2, 4, 3), (odd, 2, 4, 3)], 2),
    ("multiply:n2:c3:4", lambda a, b: a * b,
     [(odd, 2, 4, 3), (odd, 2, 4, 3)], 2),
    ("concat:n2:c3+2:4", lambda a, b: torch.cat((a, b), -1),
     [(odd, 2, 4, 3), (odd, 2, 4, 2)], 2),
    ("slice:n2:c5:slice=1-3:4", lambda x: x[..., 1:3], [(odd, 2, 4, 5)], 1),
    ("reshape:n2:c4:to=3x2x2:3", lambda x: x.reshape(2, 3, 2, 2),
     [(odd, 2, 3, 4)], 1),
    ("cross_entropy:n2:c3:4", cross_entropy(),
     [(odd, 2, 4, 3), (classes(3), 2, 4, 1)], 1),
    ("cross_entropy:n2:c3:classes:4", cross_entropy(CW),
     [(odd, 2, 4, 3), (classes(3), 2, 4, 1)], 1),
    ("cross_entropy:n2:c3:classes:weighted:2x2", cross_entropy(CW),
     [(odd, 2, 2, 2, 3), (classes(3), 2, 2, 2, 1), (unit, 2, 2, 2, 1)], 1),
    ("bce:n2:c3:4", bce, [(odd, 2, 4, 3), (unit, 2, 4, 3)], 1),
    ("bce:n2:c3:weighted:4", bce,
     [(odd, 2, 4, 3), (unit, 2, 4, 3), (unit, 2, 4, 1)], 1),
    ("mse:n2:c3:4", mse, [(odd, 2, 4, 3), (odd, 2, 4, 3)], 1),
    ("mse:n2:c3:weighted:4", mse,
     [(odd, 2, 4, 3), (odd, 2, 4, 3), (unit, 2, 4, 1)], 1),
    ("mae:n2:c3:4", mae, [(odd, 2, 4, 3), (even, 2, 4, 3)], 1),
    ("mae:n2:c3:weighted:4", mae,
     [(odd, 2, 4, 3), (even, 2, 4, 3), (unit, 2, 4, 1)], 1),
    ("dice:n2:c3:4", dice, [(unit, 2, 4, 3), (unit, 2, 4, 3)], 1),
    ("dice:n2:c3:weighted:4", dice,
     [(unit, 2, 4, 3), (unit, 2, 4, 3), (unit, 2, 4, 1)], 1),
    # rows are appended: the numbers above stay as they are
    ("max_pool:n2:c3:k3:t2:p1:5x4", padded(3, 2, 1, 0),
     [(distinct, 2, 5, 4, 3)], 1),
    ("max_pool:n1:c2:k2:t1:tail=1:3x4", padded(2, 1, 0, 1),
     [(distinct, 1, 3, 4, 2)], 1),
    ("blur_pool:n2:c3:k3:t2:tail=1:4x6", blur(3, 2, 0, 1),
     [(odd, 2, 4, 6, 3)], 1),
    ("blur_pool:n1:c2:k4:t1:p2:5", blur(4, 1, 2, 0), [(odd, 1, 5, 2)], 1),
    ("blur_pool:n1:c2:k3:t2:p1:3x4x2", blur(3, 2, 1, 0),
     [(odd, 1, 3, 4, 2, 2)], 1),
    ("adaptive_avg_pool:n2:c3:to=3x2:5x4", adaptive(3, 2),
     [(odd, 2, 5, 4, 3)], 1),
    ("adaptive_avg_pool:n1:c2:to=4x3:2x2", adaptive(4, 3),
     [(odd, 1, 2, 2, 2)], 1),
    ("adaptive_avg_pool:n1:c2:to=3:7", adaptive(3), [(odd, 1, 7, 2)], 1),
    ("local_response_norm:n2:c6:k5:value=0.5:2", response(5, 0.5),
     [(odd, 2, 2, 6)], 1),
    ("local_response_norm:n1:c4:k3:value=1:2x2", response(3, 1.0),
     [(odd, 1, 2, 2, 4)], 1),
    ("softplus:n2:c3:value=0.125:4", lambda x: F.softplus(x) + 0.125,
     [(odd, 2, 4, 3)], 1),
    ("multiply:n2:c3:spread:2x2", lambda a, b: a * b[:, None, None],
     [(odd, 2, 2, 2, 3), (odd, 2, 3)], 2),
    ("cross_entropy:n2:c3:smooth=0.1:4", smooth_cross_entropy(0.1),
     [(odd, 2, 4, 3), (classes(3), 2, 4, 1)], 1),
    ("cross_entropy:n2:c3:classes:weighted:smooth=0.3:2x2",
     smooth_cross_entropy(0.3, CW),
     [(odd, 2, 2, 2, 3), (classes(3), 2, 2, 2, 1), (unit, 2, 2, 2, 1)], 1),
    ("laplace:n2:c2:4", laplace, [(positive, 2, 4, 4), (unit, 2, 4, 2)], 1),
    ("laplace:n2:c1:weighted:4", laplace,
     [(positive, 2, 4, 2), (unit, 2, 4, 1), (unit, 2, 4, 1)], 1),
    ("ssim:n1:c2:f1:12x13", ssim(1),
     [(odd, 1, 12, 13, 2), (near, 1, 12, 13, 2)], 1),
    ("ssim:n1:c1:f2:23x22", ssim(2),
     [(odd, 1, 23, 22, 1), (near, 1, 23, 22, 1)], 1),
    ("fourier:n2:c2:4x3", fourier, [(odd, 2, 4, 3, 2), (even, 2, 4, 3, 2)], 1),
    ("fourier:n1:c1:5x6", fourier, [(odd, 1, 5, 6, 1), (even, 1, 5, 6, 1)], 1),
    ("star:n2:c4:value=2:eps=0.125:4", star(2, 0.125),
     [(odd, 2, 4, 4), (unit, 2, 4, 4)], 1),
    ("star:n2:c4:weighted:value=0.25:eps=0.5:4", star(0.25, 0.5),
     [(odd, 2, 4, 4), (unit, 2, 4, 4), (unit, 2, 4, 1)], 1),
    ("add_channels:n2:c3:3x2", lambda a, b: a + b[:, None, None, :],
     [(odd, 2, 3, 2, 3), (odd, 2, 3)], 2),
    ("l2_norm:n2:c5:3", lambda x: F.normalize(x, dim=-1),
     [(odd, 2, 3, 5)], 1),
]


def print_whole(name, numbers, divisor):
    print(name, divisor, *numbers.ravel())


def print_real(name, tensor):
    print(name, 1, *(f"{v:.13g}" for v in tensor.detach().ravel().tolist()))


def main():
    print("# By make_golden.py, PyTorch", torch.__version__.split("+")[0])
    print("# name, divisor, numbers")
    for text, run, inputs, gradients in ROWS:
        print("problem", text)
        x = []
        for i, (kind, *shape) in enumerate(inputs):
            whole, divisor = kind(*shape)
            print_whole(f"x{i}", whole, divisor)
            x.append(torch.tensor(whole / divisor))
            x[i].requires_grad_(i < gradients)
        y = run(*x)
        print_real("y", y)
        if gradients:
            whole, divisor = odd(*y.shape)
            print_whole("dy", np.asarray(whole), divisor)
            y.backward(torch.tensor(np.asarray(whole) / divisor))
            for i in range(gradients):
                print_real(f"dx{i}", x[i].grad)
        if text.startswith("batch_norm") and gradients:
            print_real("after3", x[3])
            print_real("after4", x[4])


main()
