#!/usr/bin/env python3
"""Golden numbers of element-wise operations, norms and losses.

Computes values and gradients with PyTorch in float64 and writes them to
tests/golden/ops.txt as "case/array ndim extents..." lines, each followed by a
line of numbers. Layout there is channels last, as in fovea.

    python3 tools/make_golden_ops.py
"""
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

OUT = pathlib.Path(__file__).parent.parent / "tests" / "golden" / "ops.txt"
rng = np.random.default_rng(7)
lines = []


def emit(name, t):
    a = np.asarray(t.detach() if torch.is_tensor(t) else t, dtype=np.float64)
    lines.append(" ".join([name, str(a.ndim), *map(str, a.shape)]))
    lines.append(" ".join("%.13g" % v for v in a.ravel()))


def some(*shape, scale=1.0):
    """Normal numbers with three decimals, exact in text, none at a kink."""
    a = np.round(rng.normal(size=shape) * scale, 3)
    a[a == 0] = 0.001
    return torch.tensor(a)


def uniform(*shape):
    return torch.tensor(np.round(rng.uniform(0.01, 0.99, size=shape), 3))


def f32(v):
    """A number as fovea keeps it in an attribute."""
    return float(np.float32(v))


def case(name, inputs, f, wanted=None):
    """Inputs x0.., value y, arriving gradient g, gradients dx0.. of those in
    `wanted` (all of them by default)."""
    wanted = range(len(inputs)) if wanted is None else wanted
    leaf = [x.clone().requires_grad_(i in wanted) for i, x in enumerate(inputs)]
    y = f(*leaf)
    g = some(*y.shape) if y.ndim else torch.tensor(1.75, dtype=torch.float64)
    for i, x in enumerate(inputs):
        emit(f"{name}/x{i}", x)
    emit(f"{name}/y", y)
    emit(f"{name}/g", g)
    if y.requires_grad:
        y.backward(g)
    for i in wanted:
        grad = leaf[i].grad
        emit(f"{name}/dx{i}",
             torch.zeros_like(leaf[i]) if grad is None else grad)


# Cases called "many" have more rows than one block of a sum.

# ---- element by element ----

x = some(2, 3, 5, 4, scale=2)
far = torch.tensor([[1e4, -1e4, 40.0, -40.0], [3.0, -1e4, 1e4, 0.5]],
                   dtype=torch.float64)
case("relu", [x], F.relu)
case("leaky_relu", [x], lambda v: F.leaky_relu(v, f32(0.1)))
case("sigmoid", [x], torch.sigmoid)
case("sigmoid_far", [far], torch.sigmoid)
case("tanh", [x], torch.tanh)
case("tanh_far", [far], torch.tanh)
case("gelu", [x], F.gelu)
case("gelu_far", [far], F.gelu)
case("softmax", [x], lambda v: F.softmax(v, -1))
case("softmax_far", [far], lambda v: F.softmax(v, -1))
case("scale", [x], lambda v: v * f32(-0.3))
case("add", [some(2, 5, 3), some(2, 5, 3)], lambda a, b: a + b)
case("multiply", [some(2, 5, 3), some(2, 5, 3)], lambda a, b: a * b)
case("concat", [some(2, 4, 3), some(2, 4, 2)],
     lambda a, b: torch.cat([a, b], -1))
case("slice", [x], lambda v: v[..., 1:3])
case("reshape", [x], lambda v: v.reshape(2, 6, 10))

# ---- norms ----

EPS, MOMENTUM = f32(1e-5), f32(0.1)


def batch_norm(train, relu):
    def f(v, scale, shift, mean, var):
        first = v.movedim(-1, 1)
        y = F.batch_norm(first, mean.clone(), var.clone(), scale, shift, train,
                         MOMENTUM, EPS).movedim(1, -1)
        return F.relu(y) if relu else y
    return f


x = some(2, 5, 3, 3) * torch.tensor([1.0, 10.0, 0.1]) + torch.tensor(
    [0.0, 100.0, -1.0])
stats = [some(3), some(3), some(3), uniform(3)]
case("batch_norm_train", [x, *stats], batch_norm(True, False), range(3))
case("batch_norm_train_relu", [x, *stats], batch_norm(True, True), range(3))
case("batch_norm_infer", [x, *stats], batch_norm(False, False), [])
case("batch_norm_infer_relu", [x, *stats], batch_norm(False, True), [])
case("batch_norm_flat", [some(5, 3), *stats], batch_norm(True, False), range(3))
case("batch_norm_many", [some(300, 1), some(1), some(1), some(1), uniform(1)],
     batch_norm(True, False), range(3))

norm = torch.nn.BatchNorm1d(3, eps=EPS, momentum=MOMENTUM).double()
for step in range(3):
    batch = some(4, 7, 3) * (step + 1) + step
    emit(f"batch_norm_steps/batch{step}", batch)
    norm(batch.movedim(-1, 1))
emit("batch_norm_steps/mean", norm.running_mean)
emit("batch_norm_steps/var", norm.running_var)

case("layer_norm", [some(2, 6, 5, 4) * 3 + 50, some(4), some(4)],
     lambda v, a, b: F.layer_norm(v, (4,), a, b, EPS))
apart = some(300, 2) + torch.tensor([0.0, 5.0])
case("layer_norm_rows", [apart, some(2), some(2)],
     lambda v, a, b: F.layer_norm(v, (2,), a, b, EPS))

# ---- losses ----


def weighted(term):
    """sum w term / sum w over the elements with weight."""
    def f(p, t, w=None):
        e = term(p, t)
        w = torch.ones_like(e) if w is None else w.expand_as(e)
        there = w != 0
        if not there.any():
            return (p * 0).sum()
        return (w[there] * e[there]).sum() / w[there].sum()
    return f


def cross_entropy(class_weight=None):
    def f(p, t, w=None):
        k = t[..., 0].long()
        known = k >= 0
        each = F.cross_entropy(p.reshape(-1, p.shape[-1]),
                               k.clamp(min=0).reshape(-1), reduction="none")
        mass = known.double().reshape(-1)
        if w is not None:
            mass = mass * w.reshape(-1)
        if class_weight is not None:
            mass = mass * class_weight[k.clamp(min=0)].reshape(-1)
        if mass.sum() == 0:
            return (p * 0).sum()
        return (mass * each).sum() / mass.sum()
    return f


def dice(p, t, w=None):
    w = torch.ones_like(p[..., :1]) if w is None else w
    along = tuple(range(p.ndim - 1))
    inter = (w * p * t).sum(along)
    total = (w * p).sum(along) + (w * t).sum(along)
    return (1 - (2 * inter + 1) / (total + 1)).mean()


def classes(*shape, k, ignore=False):
    t = rng.integers(-1 if ignore else 0, k, size=(*shape, 1))
    return torch.tensor(t.astype(np.float64))


def weights(*shape):
    w = np.round(rng.uniform(0, 3, size=(*shape, 1)), 2)
    w[rng.uniform(size=w.shape) < 0.3] = 0
    return torch.tensor(w)


CLASS_WEIGHT = torch.tensor([0.25, 2.0, 1.5, 0.0], dtype=torch.float64)
S = (2, 3, 7)
logits = some(*S, 4, scale=2)
zero = torch.zeros(*S, 1, dtype=torch.float64)

case("cross_entropy_many", [some(300, 2), classes(300, k=2), weights(300)],
     cross_entropy(), [0])

# PyTorch's own mean, to tie the formulas above to it.
t = classes(*S, k=4, ignore=True)
own = F.cross_entropy(logits.reshape(-1, 4), t.reshape(-1).long(),
                      weight=CLASS_WEIGHT, ignore_index=-1)
assert torch.allclose(own, cross_entropy(CLASS_WEIGHT)(logits, t), rtol=1e-14)

case("cross_entropy", [logits, classes(*S, k=4)], cross_entropy(), [0])
case("cross_entropy_ignore", [logits, t], cross_entropy(), [0])
case("cross_entropy_classes", [logits, t], cross_entropy(CLASS_WEIGHT), [0])
case("cross_entropy_weight", [logits, t, weights(*S)], cross_entropy(), [0])
case("cross_entropy_both", [logits, t, weights(*S)],
     cross_entropy(CLASS_WEIGHT), [0])
case("cross_entropy_nothing", [logits, t, zero], cross_entropy(), [0])
case("cross_entropy_ignored", [logits, zero - 1], cross_entropy(), [0])
case("cross_entropy_far", [far, torch.tensor([[1.0], [2.0]]).double()],
     cross_entropy(), [0])

S = (2, 5, 4)
z, p, t, w = some(*S, 2, scale=3), uniform(*S, 2), uniform(*S, 2), weights(*S)
hard = (t > 0.5).double()
zero = torch.zeros(*S, 1, dtype=torch.float64)
bce = weighted(lambda a, b: F.binary_cross_entropy_with_logits(
    a, b, reduction="none"))
mse = weighted(lambda a, b: F.mse_loss(a, b, reduction="none"))
mae = weighted(lambda a, b: F.l1_loss(a, b, reduction="none"))
assert torch.allclose(mse(p, t), F.mse_loss(p, t), rtol=1e-14)
far_target = torch.tensor([[0.0, 1.0, 1.0, 0.0],
                           [0.5, 0.0, 1.0, 0.25]]).double()

for name, f in ("bce", bce), ("dice", dice):
    case(f"{name}_many", [uniform(300, 1), uniform(300, 1), weights(300)], f,
         [0])
for name, f, pred in (("bce", bce, z), ("mse", mse, z), ("mae", mae, z),
                      ("dice", dice, p)):
    case(name, [pred, t], f, [0])
    case(f"{name}_hard", [pred, hard], f, [0])
    case(f"{name}_weight", [pred, t, w], f, [0])
    case(f"{name}_nothing", [pred, t, zero], f, [0])
    if name != "dice":
        case(f"{name}_far", [far, far_target], f, [0])

# ---- norms and attention of transformers ----

x = some(2, 5, 3, 6) * 2 + 1
case("rms_norm", [x, some(6)], lambda v, a: F.rms_norm(v, (6,), a, EPS))
case("group_norm", [x, some(6), some(6)], lambda v, a, b: F.group_norm(
    v.movedim(-1, 1), 3, a, b, EPS).movedim(1, -1))

# ---- tokens ----

case("gelu_tanh", [some(2, 9, scale=2)],
     lambda v: F.gelu(v, approximate="tanh"))
case("gelu_tanh_far", [far], lambda v: F.gelu(v, approximate="tanh"))
case("add_each", [some(2, 5, 3), some(5, 3)], torch.add)
case("multiply_each", [some(2, 5, 3), some(3)], torch.mul)
case("multiply_each_many", [some(300, 2), some(2)], torch.mul)
case("prepend", [some(2, 3, 4), some(2, 4)],
     lambda v, p: torch.cat([p.expand(2, -1, -1), v], 1))
case("pixel_shuffle", [some(2, 3, 2, 18)], lambda v: F.pixel_shuffle(
    v.permute(0, 3, 1, 2), 3).permute(0, 2, 3, 1))
case("pixel_unshuffle", [some(2, 4, 6, 3)], lambda v: F.pixel_unshuffle(
    v.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1))
case("pad", [some(2, 5, 6, 2)], lambda v: F.pad(v, (0, 0, 0, 2, 0, 3)))
case("crop", [some(2, 5, 6, 2), some(2, 3, 5, 1)],
     lambda v, like: v[:, :like.shape[1], :like.shape[2]], [0])


def heads(t, n):
    """(B, T, C) as (B, n, T, C/n)."""
    return t.unflatten(-1, (n, -1)).transpose(1, 2)


def attend(q, k, v, n, bias=None):
    """Of token lists (B, T, C), in n heads."""
    y = F.scaled_dot_product_attention(heads(q, n), heads(k, n), heads(v, n),
                                       attn_mask=bias)
    return y.transpose(1, 2).flatten(2)


def by_axis(table, side):
    """Rows of the table for token i and key j, stretched as SAM does."""
    n = 2 * side - 1
    t = F.interpolate(table.T[None], size=n, mode="linear")[0].T
    i = torch.arange(side)
    return t[i[:, None] - i[None, :] + side - 1]


def with_axes(n):
    def f(q, k, v, rows, cols):
        b, h, w, c = q.shape
        q, k, v = (t.flatten(1, 2) for t in (q, k, v))
        each = heads(q, n).unflatten(2, (h, w))
        up = torch.einsum("bnhwc,hkc->bnhwk", each, by_axis(rows, h))
        left = torch.einsum("bnhwc,wkc->bnhwk", each, by_axis(cols, w))
        bias = (up[..., :, None] + left[..., None, :]).reshape(b, n, h * w, -1)
        return attend(q, k, v, n, bias).unflatten(1, (h, w))
    return f


def shifted(n, window, shift):
    """Swin: cyclic shift, windows, bias by distance, masked parts, back."""
    def windows(t):
        b, h, w, c = t.shape
        t = t.reshape(b, h // window, window, w // window, window, c)
        return t.transpose(2, 3).reshape(-1, window * window, c)

    def f(q, k, v, table):
        b, h, w, c = q.shape
        # along an axis of one window nothing moves, as in torchvision
        move = [shift if side > window else 0 for side in (h, w)]
        part = torch.zeros(1, h, w, 1, dtype=torch.float64)
        part[:, h - move[0]:] += 1
        part[:, :, w - move[1]:] += 2
        part = windows(part)[..., 0]
        mask = part[:, None, :] != part[:, :, None]
        y, x = torch.meshgrid(torch.arange(window), torch.arange(window),
                              indexing="ij")
        y, x = y.flatten(), x.flatten()
        index = ((y[:, None] - y + window - 1) * (2 * window - 1)
                 + x[:, None] - x + window - 1)
        bias = table[index].permute(2, 0, 1)[None]
        bias = bias.masked_fill(mask[:, None], -torch.inf).repeat(b, 1, 1, 1)
        moved = [windows(t.roll([-m for m in move], (1, 2))) for t in (q, k, v)]
        y = attend(*moved, n, bias)
        y = y.reshape(b, h // window, w // window, window, window, c)
        y = y.transpose(2, 3).reshape(b, h, w, c)
        return y.roll(move, (1, 2))
    return f


def joined(f):
    """q, k, v as slices of one tensor, given three times."""
    def g(q, k, v):
        c = q.shape[-1] // 3
        return f(q[..., :c], k[..., c:2 * c], v[..., 2 * c:])
    return g


case("attention", [some(2, 5, 6) for _ in range(3)],
     lambda q, k, v: attend(q, k, v, 2))
case("attention_far", [some(1, 4, 4, scale=40) for _ in range(3)],
     lambda q, k, v: attend(q, k, v, 1))
case("attention_joined", [some(2, 5, 18) for _ in range(3)],
     joined(lambda q, k, v: attend(q, k, v, 2)))
case("attention_other", [some(2, 3, 6), some(2, 7, 6), some(2, 7, 6)],
     lambda q, k, v: attend(q, k, v, 2))
case("attention_axes", [some(2, 3, 4, 6) for _ in range(3)] +
     [some(5, 3), some(7, 3)], with_axes(2))
case("attention_stretched", [some(1, 3, 4, 6) for _ in range(3)] +
     [some(3, 3), some(9, 3)], with_axes(2))
case("attention_shifted", [some(2, 8, 4, 4) for _ in range(3)] +
     [some(49, 2)], shifted(2, 4, 2))

OUT.parent.mkdir(exist_ok=True)
OUT.write_text("\n".join(lines) + "\n")
print(f"{OUT}: {len(lines) // 2} arrays, {OUT.stat().st_size} bytes")
