#!/usr/bin/env python3
"""Golden answers for src/task from scipy and scikit-image, float64.

Writes tests/golden/task.txt: components, distances, watersheds, decoders,
targets, matching, measurements, image quality.

    python3 tools/make_golden_task.py
"""
import pathlib

import numpy as np
import scipy.ndimage as ndi
from scipy.optimize import linear_sum_assignment
from skimage import filters, measure, metrics, morphology, segmentation

OUT = pathlib.Path(__file__).parent.parent / "tests" / "golden" / "task.txt"
rng = np.random.default_rng(5)
lines = []


def emit(name, a, digits=7):
    a = np.asarray(a, dtype=np.float64)
    lines.append(" ".join([name, str(a.ndim), *map(str, a.shape)]))
    lines.append(" ".join(f"{v:.{digits}g}" for v in a.ravel()))


def smooth(h, w, sigma, seed):
    """Hills of random height; few digits, which keeps the text short."""
    r = np.random.default_rng(seed)
    f = ndi.gaussian_filter(r.normal(size=(h, w)), sigma)
    return np.round(f / f.std(), 4).astype(np.float32)


def raster(labels):
    """Renumbers 1..n by first pixel."""
    flat = labels.ravel()
    values, first = np.unique(flat, return_index=True)
    order = [v for _, v in sorted(zip(first, values)) if v]
    table = {v: i + 1 for i, v in enumerate(order)}
    return np.array([table.get(v, 0) for v in flat]).reshape(labels.shape)


def tidy(labels, min_area, fill=True):
    """Holes filled per object, small ones removed, holes again."""
    def filled(l):
        out = l.copy()
        for k in np.unique(l[l > 0]):
            f = ndi.binary_fill_holes(l == k)
            assert not (f & (l != k) & (l > 0)).any(), "nested objects"
            out[f] = k
        return out
    out = filled(labels) if fill else labels.copy()
    for k in np.unique(out[out > 0]):
        if (out == k).sum() < min_area:
            out[out == k] = 0
    return raster(filled(out) if fill else out)


def distance(labels, border):
    out = np.zeros(labels.shape)
    for k in np.unique(labels[labels > 0]):
        own = labels == k
        if border:
            own = np.pad(own, 1)
        d = ndi.distance_transform_edt(own)
        out += d[1:-1, 1:-1] if border else d
    return out


def golden_blocks():
    mask = rng.random((23, 31)) < 0.55
    emit("components/mask", mask)
    emit("components/four", raster(ndi.label(mask)[0]))
    emit("components/eight", raster(ndi.label(mask, np.ones((3, 3)))[0]))

    cells = ndi.zoom(rng.integers(0, 4, (6, 8)), 5, order=0)
    cells[12:14, 3:20] = 7
    cells[20, :] = 9
    emit("distance/labels", cells)
    emit("distance/open", distance(cells, 0))
    emit("distance/border", distance(cells, 1))
    emit("distance/inner",
         segmentation.find_boundaries(cells, connectivity=1, mode="inner"))

    relief = smooth(26, 33, 1.5, 1)
    mask = smooth(26, 33, 2, 2) > -0.5
    seeds = np.where(rng.random(mask.shape) < 0.03,
                     rng.integers(1, 10**6, mask.shape), 0) * mask
    emit("watershed/relief", relief)
    emit("watershed/mask", mask)
    emit("watershed/seeds", seeds)
    emit("watershed/labels", segmentation.watershed(-relief, seeds, mask=mask))

    holes = ndi.label(smooth(30, 40, 1.1, 3) < 0.15)[0]
    holes[5:9, 5:9] += 70000 * (holes[5:9, 5:9] > 0)
    for k in np.unique(holes):  # no object inside another
        f = ndi.binary_fill_holes(holes == k)
        if k and (f & (holes != k) & (holes > 0)).any():
            holes[f] = k
    emit("clean/labels", holes)
    emit("clean/filled", tidy(holes, 0))
    emit("clean/large", tidy(holes, 12))
    emit("clean/only_large", tidy(holes, 12, fill=False))


def tops(relief, mask, rise, lowest):
    """Hills inside the mask that rise enough and are high enough."""
    low = np.where(mask, relief, -100).astype(float)
    cross = ndi.generate_binary_structure(2, 1)
    domes = morphology.reconstruction(low - rise, low, footprint=cross)
    hills = measure.label(morphology.local_maxima(domes, connectivity=1) & mask,
                          connectivity=1)
    high = ndi.maximum(relief, hills, np.arange(hills.max() + 1)) >= lowest
    return np.where(high[hills] & (hills > 0), hills, 0)


def golden_decoders():
    h, w = 40, 44
    logit = smooth(h, w, 1.6, 11)
    emit("cell/maps", logit[..., None])
    cell = ndi.label(1 / (1 + np.exp(-logit.astype(float))) >= 0.65)[0]
    emit("cell/labels", tidy(cell, 10))

    maps = np.stack([smooth(h, w, 2, s) for s in (21, 22, 23)], -1) * 2
    e = np.exp(maps.astype(float))
    p = e / e.sum(-1, keepdims=True)
    relief = ndi.gaussian_filter(p[..., 1], 1)
    mask = p[..., 1] + p[..., 2] >= 0.5
    grown = segmentation.watershed(-relief, tops(relief, mask, 0.2, 0.2),
                                   mask=mask)
    emit("boundary/maps", maps)
    emit("boundary/labels", tidy(grown, 8))

    relief = smooth(h, w, 1.5, 31)
    mask = logit >= np.log(0.3 / 0.7)
    grown = segmentation.watershed(-relief, tops(relief, mask, 0.4, -99),
                                   mask=mask)
    emit("split/maps", np.stack([logit, relief], -1))
    emit("split/labels", tidy(grown, 5))


def overlap(a, b):
    i, j = np.unique(a[a > 0]), np.unique(b[b > 0])
    iou = np.zeros((len(i), len(j)))
    for y, u in enumerate(i):
        for x, v in enumerate(j):
            both = ((a == u) & (b == v)).sum()
            iou[y, x] = both / ((a == u) | (b == v)).sum()
    return iou


def golden_match():
    grid = rng.integers(0, 40, (9, 9)) * 20000
    truth = ndi.zoom(grid, 4, order=0)
    pred = np.roll(ndi.zoom(rng.integers(0, 30, (12, 6)), (3, 6), order=0),
                   1, axis=0)
    near = np.roll(truth, 1, axis=1)
    levels = [0.05, 0.1, 0.2, 0.3, 0.5, 0.6, 0.7, 0.9, 1]
    emit("match/truth", truth)
    emit("match/levels", levels)
    for name, p in (("pred", pred), ("near", near), ("same", truth)):
        rows = []
        iou = overlap(truth, p)
        n, m = iou.shape
        for level in levels:
            good = iou >= level
            gain = good * (1 + iou / (2 * min(n, m)))
            r, c = linear_sum_assignment(-gain)
            hit = good[r, c]
            tp, total = hit.sum(), iou[r, c][hit].sum()
            rows.append([tp, m - tp, n - tp, tp / m, tp / n,
                         2 * tp / (n + m), tp / (n + m - tp),
                         total / tp if tp else 0, total / n,
                         2 * total / (n + m)])
        emit(f"match/{name}", p)
        emit(f"match/{name}_result", rows, 15)


def golden_measure():
    labels = ndi.label(smooth(44, 50, 2.2, 41) > 0.4)[0]
    labels[labels == 3] = 70001
    labels[0, 0] = 500                 # one pixel
    labels[43, 10:31] = 501            # a line
    labels[20:24, 46:50] = 502         # a square at the border
    labels[30, 2] = labels[36, 8] = 503    # two pieces
    labels[25:28, 1:4] = 504
    labels[26, 2] = 0                  # a hole
    for k in range(5):
        labels[36 + k, 40 + k] = 505   # a diagonal
    image = np.stack([smooth(44, 50, 1, 42), smooth(44, 50, 3, 43) + 9], -1)
    image = np.round(image.astype(float), 3)
    rows = []
    for r in measure.regionprops(labels, image):
        rows.append([r.label, *r.bbox, *r.centroid, r.area, r.perimeter,
                     r.eccentricity, r.solidity, r.axis_major_length,
                     r.axis_minor_length, r.orientation,
                     *np.stack([r.intensity_mean, r.intensity_min,
                                r.intensity_max], -1).ravel()])
    emit("measure/labels", labels)
    emit("measure/image", image, 6)
    emit("measure/objects", rows, 15)


def golden_quality():
    a = np.round(smooth(21, 26, 1.5, 51).astype(float) * 20 + 100, 2)
    b = np.round(a + rng.normal(size=a.shape) * 4, 2)
    a, b = (x.astype(np.float32).astype(float) for x in (a, b))
    ssim = metrics.structural_similarity(
        a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        data_range=100)
    emit("quality/truth", a)
    emit("quality/image", b)
    emit("quality/numbers",
         [metrics.peak_signal_noise_ratio(a, b, data_range=100),
          metrics.peak_signal_noise_ratio(a, b, data_range=np.ptp(a)),
          ssim, filters.threshold_otsu(a)], 15)


golden_blocks()
golden_decoders()
golden_match()
golden_measure()
golden_quality()
OUT.write_text("\n".join(lines) + "\n")
print(OUT, OUT.stat().st_size, "bytes")
