#!/usr/bin/env python3
"""Percentiles and resized planes by numpy in double, for tests/image.

    make_golden_planes.py > tests/golden/planes.txt

Each case: a line "name h w c a b joint" (percentiles) or "name h w c H W 0"
(resize), then the expected numbers. The input is x(i) below, not stored.
"""
import numpy as np


def field(n):
    """Repeatable numbers with ties, negatives and a long tail."""
    i = np.arange(n, dtype=np.uint64)
    v = (i * np.uint64(2654435761)) % np.uint64(4294967296)
    v = (v >> np.uint64(20)).astype(np.float64)  # 0..4095
    v = np.where(i % np.uint64(7) == 0, v * 16, v / 8 - 100)
    return v.astype(np.float32)


def normalize(x, lo, hi, joint):
    axes = (0, 1, 2) if joint else (0, 1)
    a, b = np.percentile(x.astype(np.float64), [lo, hi], axis=axes,
                         keepdims=True)
    return (x - a) / np.where(b > a, b - a, np.inf)


def weights(old, new):
    """new x old: linear between centers when growing, shares when shrinking."""
    w = np.zeros((new, old))
    for i in range(new):
        if new >= old:
            at = min(max((i + 0.5) * old / new - 0.5, 0), old - 1)
            k = min(int(at), max(old - 2, 0))
            w[i, k] += 1 - (at - k)
            if old > 1:
                w[i, k + 1] += at - k
        else:
            lo, hi = i * old / new, (i + 1) * old / new
            for k in range(old):
                w[i, k] = max(0, min(hi, k + 1) - max(lo, k)) * new / old
    return w


def resize(x, h, w):
    return np.einsum("yh,xw,hwc->yxc", weights(x.shape[0], h),
                     weights(x.shape[1], w), x.astype(np.float64))


def show(head, y):
    print(*head)
    print(" ".join("%.9g" % v for v in y.ravel()))


def main():
    for h, w, c, lo, hi, joint in [(5, 7, 1, 1, 99.8, 0), (6, 4, 3, 2, 98, 0),
                                   (6, 4, 3, 2, 98, 1), (1, 2, 1, 0, 100, 0),
                                   (9, 8, 2, 25, 75, 0)]:
        x = field(h * w * c).reshape(h, w, c)
        show(("normalize", h, w, c, lo, hi, joint), normalize(x, lo, hi, joint))
    for h, w, c, H, W in [(4, 5, 1, 8, 10), (5, 4, 2, 7, 9), (9, 8, 1, 3, 5),
                          (7, 9, 1, 10, 4), (1, 1, 3, 2, 3), (6, 6, 1, 6, 6),
                          (3, 2, 1, 1, 1), (8, 10, 1, 7, 9)]:
        x = field(h * w * c).reshape(h, w, c)
        show(("resize", h, w, c, H, W, 0), resize(x, H, W))


if __name__ == "__main__":
    main()
