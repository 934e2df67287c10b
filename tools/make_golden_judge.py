#!/usr/bin/env python3
"""Golden answers for the judges of src/task, float64.

Writes tests/golden/judge.txt: matching by stardist (its matching.py alone,
when it is installed; else by scipy's assignment), aggregated Jaccard index,
outlines by scikit-image and scipy, fates of objects by brute force.

    python3 tools/make_golden_judge.py
"""
import pathlib

import numpy as np
import scipy.ndimage as ndi
from scipy.optimize import linear_sum_assignment
from skimage import segmentation

OUT = pathlib.Path(__file__).parent.parent / "tests" / "golden" / "judge.txt"
rng = np.random.default_rng(18)
lines = []


def emit(name, a, digits=15):
    a = np.asarray(a, dtype=np.float64)
    lines.append(" ".join([name, str(a.ndim), *map(str, a.shape)]))
    lines.append(" ".join(f"{v:.{digits}g}" for v in a.ravel()))


def fields():
    """Truth and a prediction with every kind of mistake."""
    truth = np.zeros((48, 52), int)
    pred = truth.copy()
    n = 0
    for y in range(0, 48, 12):
        for x in range(0, 52, 13):
            n += 1
            h, w = rng.integers(6, 11, 2)
            truth[y + 1:y + 1 + h, x + 1:x + 1 + w] = n * 5000
            kind = n % 6
            if kind in (0, 1):
                pred[y + 2:y + 1 + h, x + 1:x + 2 + w] = n
            elif kind == 2:
                pred[y + 1:y + 1 + h, x + 1:x + w // 2 + 1] = n
                pred[y + 1:y + 1 + h, x + w // 2 + 1:x + 1 + w] = 100 + n
            elif kind == 3:
                pred[y + 1:y + 9, x + 1:x + 13] = 200 + n // 2
            elif kind == 4:
                pred[y + 1:y + 9, x:x + 12] = 200 + (n - 1) // 2
    pred[45:48, 0:5] = 300
    return truth, pred


def ious(a, b):
    i, j = np.unique(a[a > 0]), np.unique(b[b > 0])
    both = np.array([[((a == u) & (b == v)).sum() for v in j] for u in i])
    size_a = np.array([(a == u).sum() for u in i])
    size_b = np.array([(b == v).sum() for v in j])
    return i, j, both, size_a, size_b, both / (
        size_a[:, None] + size_b[None] - both)


def by_assignment(iou, level):
    n, m = iou.shape
    good = iou >= level
    r, c = linear_sum_assignment(-(good + iou / (2 * min(n, m))))
    keep = good[r, c]
    return r[keep], c[keep]


def matched(truth, pred, level):
    """tp, fp, fn, precision, recall, f1, ap, mean_matched, mean_true, pq."""
    try:
        from stardist.matching import matching
        m = matching(truth, pred, thresh=level)
        return [m.tp, m.fp, m.fn, m.precision, m.recall, m.f1, m.accuracy,
                m.mean_matched_score, m.mean_true_score, m.panoptic_quality]
    except ImportError:
        iou = ious(truth, pred)[-1]
        r, c = by_assignment(iou, level)
        n, m = iou.shape
        tp, total = len(r), iou[r, c].sum()
        return [tp, m - tp, n - tp, tp / m, tp / n, 2 * tp / (n + m),
                tp / (n + m - tp), total / tp, total / n, 2 * total / (n + m)]


def kumar(truth, pred):
    """Kumar et al. 2017, algorithm 1."""
    _, _, both, a, b, iou = ious(truth, pred)
    shared = union = 0
    used = set()
    for t in range(len(a)):
        p = iou[t].argmax()
        if iou[t, p] == 0:
            union += a[t]
            continue
        shared += both[t, p]
        union += a[t] + b[p] - both[t, p]
        used.add(p)
    union += sum(b[p] for p in range(len(b)) if p not in used)
    return [shared, union, shared / union]


def outlines(truth, pred, tolerance):
    a = segmentation.find_boundaries(truth, connectivity=1, mode="inner")
    b = segmentation.find_boundaries(pred, connectivity=1, mode="inner")
    far_a = ndi.distance_transform_edt(~a) > tolerance
    far_b = ndi.distance_transform_edt(~b) > tolerance
    p = (b & ~far_a).sum() / b.sum()
    r = (a & ~far_b).sum() / a.sum()
    return [a.sum(), b.sum(), (a & ~far_b).sum(), (b & ~far_a).sum(), p, r,
            2 * p * r / (p + r)]


def fates(truth, pred, level):
    """Rows of label, area, fate, partner, IoU for truth and prediction."""
    names = dict(matched=0, missed=1, extra=2, split=3, merged=4)
    i, j, both, a, b, iou = ious(truth, pred)
    r, c = by_assignment(iou, level)
    pair = dict(zip(r, c))
    inside_pred = 2 * both > a[:, None]      # truth t mostly in prediction p
    inside_truth = 2 * both > b[None]        # prediction p mostly in truth t
    rows_t, rows_p = [], []
    for t in range(len(i)):
        k = pair.get(t, iou[t].argmax())
        if t in pair:
            fate = "matched"
        elif any(inside_pred[t, p] and inside_pred[:, p].sum() > 1
                 for p in range(len(j))):
            fate = "merged"
        else:
            fate = "split" if inside_truth[t].sum() > 1 else "missed"
        rows_t.append([i[t], a[t], names[fate], j[k] if iou[t, k] else 0,
                       iou[t, k]])
    back = {p: t for t, p in pair.items()}
    for p in range(len(j)):
        k = back.get(p, iou[:, p].argmax())
        if p in back:
            fate = "matched"
        elif inside_pred[:, p].sum() > 1:
            fate = "merged"
        elif any(inside_truth[t, p] and inside_truth[t].sum() > 1
                 for t in range(len(i))):
            fate = "split"
        else:
            fate = "extra"
        rows_p.append([j[p], b[p], names[fate], i[k] if iou[k, p] else 0,
                       iou[k, p]])
    return rows_t, rows_p


def golden_objects():
    truth, pred = fields()
    emit("objects/truth", truth)
    emit("objects/pred", pred)
    levels = [0.1, 0.3, 0.5, 0.7, 0.9]
    emit("objects/levels", levels)
    emit("objects/match", [matched(truth, pred, t) for t in levels])
    emit("objects/aji", kumar(truth, pred))
    emit("objects/outlines",
         [outlines(truth, pred, t) for t in (0, 1, 1.5, 2, 3.7)])
    t, p = fates(truth, pred, 0.6)
    emit("objects/fate_truth", t)
    emit("objects/fate_pred", p)


golden_objects()
OUT.write_text("\n".join(lines) + "\n")
print(OUT, OUT.stat().st_size, "bytes")
