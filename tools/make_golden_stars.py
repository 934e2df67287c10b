#!/usr/bin/env python3
"""Golden stars from the StarDist package (its numpy and C++ code).

Writes tests/golden/stars.txt: distances along rays and probabilities of a
small label image, labels decoded from maps that test_stars.c makes by the same
formula, and areas of intersections: triangle by triangle, in double, and by
Clipper on whole px, as StarDist takes them.

    pip install --no-deps stardist csbdeep
    pip install numba tqdm six pyclipper
    python3 tools/make_golden_stars.py
"""
import pathlib

import numpy as np
import pyclipper
from skimage import draw
from stardist.geometry import polygons_to_label, star_dist
from stardist.nms import non_maximum_suppression
from stardist.utils import edt_prob

OUT = pathlib.Path(__file__).parent.parent / "tests" / "golden" / "stars.txt"
lines = []


def emit(name, a, digits=9):
    a = np.asarray(a, dtype=np.float64)
    lines.append(" ".join([name, str(a.ndim), *map(str, a.shape)]))
    lines.append(" ".join(f"{v:.{digits}g}" for v in a.ravel()))


def ellipses(h, w, count, largest, seed):
    r = np.random.default_rng(seed)
    labels = np.zeros((h, w), np.int32)
    for k in range(1, count + 1):
        y, x, a, b = (r.uniform(0, h), r.uniform(0, w),
                      r.uniform(3, largest), r.uniform(3, largest))
        rr, cc = draw.ellipse(y, x, a, b, labels.shape, r.uniform(0, 3))
        free = labels[rr, cc] == 0
        labels[rr[free], cc[free]] = k
    return labels


def imperfect(labels, rays, grid):
    """Logits and distances with errors that any language computes alike."""
    dist = star_dist(labels, rays, grid=(grid, grid)).astype(np.float64)
    prob = edt_prob(labels[::grid, ::grid]).astype(np.float64)
    i = np.arange(prob.size).reshape(prob.shape)
    logit = 6 * prob - 2 + (i * 7919 % 10007) / 10000
    j = np.arange(dist.size).reshape(dist.shape)
    dist = dist * (1 + (j * 104729 % 101 - 50) / 500)
    return logit.astype(np.float32), dist.astype(np.float32)


def decoded(name, labels, rays, grid, prob_thresh, nms_thresh):
    logit, dist = imperfect(labels, rays, grid)
    prob = 1 / (1 + np.exp(-logit.astype(np.float64)))
    points, scores, kept = non_maximum_suppression(
        np.maximum(dist, 1e-3), prob, grid=(grid, grid),
        prob_thresh=prob_thresh, nms_thresh=nms_thresh)
    emit(f"{name}/labels", polygons_to_label(kept, points, labels.shape,
                                             prob=scores))
    emit(f"{name}/center", points)
    emit(f"{name}/probability", scores, 7)


def clip(subject, a, b):
    """The part of a convex polygon to the left of the line from a to b."""
    out = []
    for p, q in zip(subject, subject[1:] + subject[:1]):
        u, v = ((b[0] - a[0]) * (z[1] - a[1]) - (b[1] - a[1]) * (z[0] - a[0])
                for z in (p, q))
        if u >= 0:
            out.append(p)
        if (u > 0 and v < 0) or (u < 0 and v > 0):
            t = u / (u - v)
            out.append((p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])))
    return out


def area(p):
    return sum(a[0] * b[1] - a[1] * b[0]
               for a, b in zip(p, p[1:] + p[:1])) / 2


def intersection(centers, corners):
    """Sum over all pairs of triangles (center, corner, next corner)."""
    total = 0
    fans = [[(c, p, q) for p, q in zip(v, v[1:] + v[:1])]
            for c, v in zip(centers, corners)]
    for s in fans[0]:
        for t in fans[1]:
            part = list(s)
            for a, b in zip(t, t[1:] + t[:1]):
                part = clip(part, a, b)
            total += area(part)
    return total


def golden_areas():
    r = np.random.default_rng(9)
    corners, areas = [], []
    for n in range(24):
        rays = (3, 5, 8, 16)[n % 4]
        centers, pair = [], []
        for k in range(2):
            c = np.round(r.uniform(0, 8, 2), 2)
            phi = 2 * np.pi * np.arange(rays) / rays
            d = r.uniform(1, 9, rays)
            v = np.round(c[:, None] + d * [np.cos(phi), np.sin(phi)], 2)
            centers.append(tuple(c))
            pair.append([tuple(z) for z in v.T])
        if n % 6 == 5:  # the same twice
            centers[1], pair[1] = centers[0], pair[0]
        areas.append(intersection(centers, pair))
        full = np.full((2, 2, 16), -1.0)
        for k in range(2):
            full[k, :, :rays] = np.array(pair[k]).T
        corners.append(full)
    emit("areas/corners", corners)
    emit("areas/intersection", areas, 13)


def clipped(pair):
    """Area of the intersection of two polygons of whole corners."""
    c = pyclipper.Pyclipper()
    c.AddPath(pair[0], pyclipper.PT_CLIP, True)
    c.AddPath(pair[1], pyclipper.PT_SUBJECT, True)
    parts = c.Execute(pyclipper.CT_INTERSECTION, pyclipper.PFT_NONZERO,
                      pyclipper.PFT_NONZERO)
    return sum(abs(area([tuple(p) for p in part])) for part in parts)


def golden_clipped():
    r = np.random.default_rng(10)
    corners, areas = [], []
    phi = 2 * np.pi * np.arange(16) / 16
    for _ in range(60):
        pair = []
        for _ in range(2):
            d = r.uniform(6, 16) * r.uniform(0.85, 1.15, 16)
            c = r.uniform(20, 32, 2)
            v = c[:, None] + d * [np.cos(phi), np.sin(phi)]
            pair.append(v.T.astype(int).tolist())
        corners.append([np.array(v).T for v in pair])
        areas.append(clipped(pair))
    emit("clipped/corners", corners)
    emit("clipped/intersection", areas)


def main():
    small = ellipses(24, 28, 7, 9, 3)
    emit("small/labels", small)
    for rays, grid in ((8, 1), (32, 2), (5, 3)):
        emit(f"small/rays{rays}", star_dist(small, rays, grid=(grid, grid)))
    for grid in (1, 2, 3):
        emit(f"small/probability{grid}", edt_prob(small[::grid, ::grid]))
    full = np.ones((5, 7), np.int32)
    emit("full/rays8", star_dist(full, 8))
    emit("full/probability1", edt_prob(full))

    cells = ellipses(72, 80, 40, 11, 4)
    emit("cells/labels", cells)
    decoded("plain", cells, 32, 1, 0.5, 0.4)
    decoded("coarse", cells, 32, 2, 0.4, 0.5)
    decoded("strict", cells, 32, 1, 0.8, 0.3)
    golden_areas()
    golden_clipped()
    OUT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
