#!/usr/bin/env python3
"""fovea against the StarDist package: the truth of a crop, and decoding the
maps of a field full of cells, in turns on the same machine; prints medians
and ratios, and how well the labels agree.

    python3 bench/bench_stars.py BUILD/src/libfovea.so [--threads 2]
        [--repeats 3] [--side 2048] [--objects 4000] [--noise 0.15]
        [--cpu]

Needs the packages stardist and scikit-image; the maps are made from simulated
ellipses, their own distances and probabilities, and noise. --cpu compares the
time of all threads together instead of that of the clock: for a machine that
is busy with other things.
"""
import argparse
import ctypes as c
import os
import statistics
import time


class Tensor(c.Structure):
    _fields_ = [("data", c.c_void_p), ("dtype", c.c_int), ("ndim", c.c_int),
                ("dim", c.c_int64 * 5), ("stride", c.c_int64 * 5)]


class Options(c.Structure):
    _fields_ = [("grid", c.c_int), ("probability", c.c_double),
                ("overlap", c.c_double), ("rim", c.c_int),
                ("truncate", c.c_int)]


class Fovea:
    """The few calls of the library that this needs."""

    def __init__(self, path, threads):
        self.lib = c.CDLL(path)
        self.lib.fv_message.restype = c.c_char_p
        self.lib.fv_star_as_stardist.restype = Options
        self.ctx = c.c_void_p()
        assert self.lib.fv_ctx_new(None, c.byref(self.ctx)) == 0
        self.lib.fv_set_threads(self.ctx, threads)

    def tensor(self, a):
        t = Tensor(a.ctypes.data, {"f": 0, "u": 4}[a.dtype.kind], a.ndim)
        for i, (n, s) in enumerate(zip(a.shape, a.strides)):
            t.dim[i], t.stride[i] = n, s // a.itemsize
        return t

    def call(self, name, *args):
        args = [self.tensor(a) if hasattr(a, "ctypes") else a for a in args]
        if getattr(self.lib, name)(self.ctx, *args) != 0:
            raise RuntimeError(self.lib.fv_message(self.ctx).decode())

    def distances(self, labels, rays, grid=1):
        h, w = ((s - 1) // grid + 1 for s in labels.shape)
        out = np.empty((h, w, rays), np.float32)
        self.call("fv_star_distances", labels, c.c_int(grid), out)
        return out

    def probability(self, labels, grid=1):
        h, w = ((s - 1) // grid + 1 for s in labels.shape)
        out = np.empty((h, w), np.float32)
        self.call("fv_edt_probability", labels, c.c_int(grid), out)
        return out

    def decode(self, maps, shape, **options):
        o = self.lib.fv_star_as_stardist()
        for name, value in options.items():
            setattr(o, name, value)
        labels = np.empty(shape, np.uint32)
        self.call("fv_star_decode", maps, o, labels, None)
        return labels


def ellipses(side, count, seed):
    """Ellipses that may touch and cover each other, numbered in turn."""
    r = np.random.default_rng(seed)
    labels = np.zeros((side, side), np.uint32)
    for k in range(1, count + 1):
        y, x = r.uniform(0, side, 2)
        a, b = r.uniform(6, 18), r.uniform(6, 18)
        rr, cc = draw.ellipse(y, x, a, b, labels.shape, r.uniform(0, 3))
        free = labels[rr, cc] == 0
        labels[rr[free], cc[free]] = k
    return labels


def noisy_maps(labels, rays, noise, seed):
    """What a good network would answer: smooth errors in all maps."""
    r = np.random.default_rng(seed)
    prob = edt_prob(labels.astype(np.int32))
    dist = star_dist(labels, rays)
    prob = np.clip(prob + noise * r.normal(size=prob.shape), 1e-4, 1 - 1e-4)
    prob = np.clip(ndi.gaussian_filter(prob, 0.7), 1e-4, 1 - 1e-4)
    dist = dist * (1 + noise * r.normal(size=dist.shape))
    logit = np.log(prob / (1 - prob))
    return np.ascontiguousarray(
        np.concatenate([logit[..., None], dist], -1), dtype=np.float32)


def stardist_decode(maps, shape):
    prob = 1 / (1 + np.exp(-maps[..., 0]))
    dist = np.maximum(maps[..., 1:], 1e-3)
    points, scores, kept = non_maximum_suppression(
        dist, prob, prob_thresh=0.5, nms_thresh=0.4)
    return polygons_to_label(kept, points, shape, prob=scores)


def compare(what, ours, theirs, repeats, cpu):
    now = time.process_time if cpu else time.perf_counter
    times, answers = ([], []), [None, None]
    for _ in range(repeats):
        for i, f in enumerate((ours, theirs)):
            start = now()
            answers[i] = f()
            times[i].append(now() - start)
    a, b = map(statistics.median, times)
    print(f"{what}\tfovea {1e3 * a:.1f} ms\tstardist {1e3 * b:.1f} ms\t"
          f"ratio {b / a:.1f}", flush=True)
    return answers


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("library")
    for name, value in (("threads", 2), ("repeats", 3), ("side", 2048),
                        ("objects", 4000), ("rays", 32)):
        p.add_argument("--" + name, type=int, default=value)
    p.add_argument("--noise", type=float, default=0.15)
    p.add_argument("--cpu", action="store_true")
    o = p.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(o.threads)
    if o.cpu:
        os.environ["OMP_WAIT_POLICY"] = "passive"

    global np, ndi, draw, edt_prob, star_dist, matching
    global non_maximum_suppression, polygons_to_label
    import numpy as np
    import scipy.ndimage as ndi
    from skimage import draw
    from stardist.geometry import polygons_to_label, star_dist
    from stardist.matching import matching
    from stardist.nms import non_maximum_suppression
    from stardist.utils import edt_prob

    fovea = Fovea(o.library, o.threads)
    labels = ellipses(o.side, o.objects, 1)
    crop = np.ascontiguousarray(labels[:256, :256])
    print(f"# {o.threads} threads, {o.side} px, "
          f"{len(np.unique(labels)) - 1} objects, {o.rays} rays")

    a, b = compare("distances of 256 px",
                   lambda: fovea.distances(crop, o.rays),
                   lambda: star_dist(crop, o.rays), 5 * o.repeats, o.cpu)
    print(f"# largest difference {abs(a - b).max():.3g} px")
    a, b = compare("probability of 256 px", lambda: fovea.probability(crop),
                   lambda: edt_prob(crop.astype(np.int32)), 5 * o.repeats,
                   o.cpu)
    print(f"# largest difference {abs(a - b).max():.3g}")

    maps = noisy_maps(labels, o.rays, o.noise, 2)
    print(f"# {int((maps[..., 0] > 0).sum())} centers")
    a, b = compare("decode", lambda: fovea.decode(maps, labels.shape),
                   lambda: stardist_decode(maps, labels.shape), o.repeats,
                   o.cpu)
    m = matching(b, a.astype(np.int32), 0.9)
    print(f"# {m.n_true} and {m.n_pred} objects; of IoU 0.9 and more: "
          f"{100 * m.tp / max(m.n_true, m.n_pred):.2f} %; pixels that differ "
          f"in being object: {100 * ((a > 0) != (b > 0)).mean():.4f} %")


if __name__ == "__main__":
    main()
