#!/usr/bin/env python3
"""Golden answers for the judges of src/task, float64.

Writes tests/golden/judge.txt: matching by stardist (its matching.py alone,
when it is installed; else by scipy's assignment), aggregated Jaccard index,
outlines by scikit-image and scipy, fates of objects by brute force; errors of
images by scikit-image, MS-SSIM, Fourier rings and whiteness by their formulas.

    python3 tools/make_golden_judge.py
"""
import pathlib

import numpy as np
import scipy.ndimage as ndi
from scipy.optimize import linear_sum_assignment
from skimage import metrics, segmentation

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


def test_images(h, w):
    """Two images of whole numbers, made the same way in judge_test.h."""
    y, x = np.mgrid[:h, :w].astype(np.int64)
    truth = (1000 + (y * 7 + x * 3) % 64 * 4 + abs(x % 40 - 20) * 10
             + abs(y % 28 - 14) * 12)
    noise = ((x * 73856093) ^ (y * 19349663)) % 101 - 50
    return truth.astype(float), (truth * 3 // 4 + noise + 40).astype(float)


def smooth_at(a):
    """Moments under the Gaussian window of SSIM, where it fits."""
    return ndi.gaussian_filter(a, 1.5, truncate=3.5, mode="reflect")[5:-5, 5:-5]


def ssim_factors(a, b, span):
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    ma, mb = smooth_at(a), smooth_at(b)
    va, vb = smooth_at(a * a) - ma ** 2, smooth_at(b * b) - mb ** 2
    cov = smooth_at(a * b) - ma * mb
    contrast = (2 * cov + c2) / (va + vb + c2)
    light = (2 * ma * mb + c1) / (ma ** 2 + mb ** 2 + c1)
    return (light * contrast).mean(), contrast.mean()


def halve(a):
    a = np.pad(a, [(0, n % 2) for n in a.shape], mode="symmetric")
    return (a[::2, ::2] + a[1::2, ::2] + a[::2, 1::2] + a[1::2, 1::2]) / 4


def ms_ssim(a, b, span):
    """Wang, Simoncelli & Bovik 2003."""
    product = 1
    for i, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        full, contrast = ssim_factors(a, b, span)
        product *= max(full if i == 4 else contrast, 0) ** weight
        a, b = halve(a), halve(b)
    return product


def si_psnr(a, b):
    g, p = a - a.mean(), b - b.mean()
    g, span = g / a.std(), np.ptp(a) / a.std()
    p = p * (g * p).sum() / (p * p).sum()
    return 10 * np.log10(span ** 2 / ((g - p) ** 2).mean())


def spectrum(a):
    h, w = a.shape
    window = np.outer(np.sin(np.pi * (np.arange(h) + 0.5) / h) ** 2,
                      np.sin(np.pi * (np.arange(w) + 0.5) / w) ** 2)
    return np.fft.rfft2((a - a.mean()) * window)


def rings(a, b, dy=0, dx=0):
    h, w = a.shape
    n = min(h, w)
    v, u = np.fft.fftfreq(h)[:, None], np.fft.rfftfreq(w)[None]
    f, g = spectrum(a), spectrum(b)
    g = g * np.exp(-2j * np.pi * (dy * v + dx * u))
    ring = np.floor(n * np.sqrt(u ** 2 + v ** 2) + 0.5).astype(int)
    twice = np.full(f.shape, 2.)
    twice[:, 0] = 1
    if w % 2 == 0:
        twice[:, -1] = 1
    total = [np.array([(q * twice)[ring == i].sum() for i in range(n // 2 + 1)])
             for q in ((f * g.conj()).real, abs(f) ** 2, abs(g) ** 2)]
    return total[0] / np.sqrt(total[1] * total[2])


def resolution(c, n):
    """Where the mean of three rings first falls below 1/7."""
    s = [None] + [np.mean(c[max(i - 1, 1):i + 2]) for i in range(1, len(c))]
    if s[1] < 1 / 7:
        return n
    for i in range(2, len(c)):
        if s[i] < 1 / 7:
            return n / (i - 1 + (s[i - 1] - 1 / 7) / (s[i - 1] - s[i]))
    return 2


def whiteness(r, lags):
    r = r - r.mean()
    var = (r * r).mean()
    rho = [(r[d:] * r[:-d]).mean() / var for d in range(1, lags + 1)]
    rho += [(r[:, d:] * r[:, :-d]).mean() / var for d in range(1, lags + 1)]
    return rho + [np.sqrt(np.mean(np.square(rho)))]


def golden_images():
    a, b = test_images(171, 182)
    emit("images/sum", [a.sum(), b.sum()])
    emit("images/errors",
         [metrics.mean_squared_error(a, b), abs(a - b).mean(),
          metrics.normalized_root_mse(a, b, normalization="euclidean"),
          metrics.peak_signal_noise_ratio(a, b, data_range=np.ptp(a)),
          si_psnr(a, b), np.corrcoef(a.ravel(), b.ravel())[0, 1]])
    ssim = metrics.structural_similarity(
        a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        data_range=np.ptp(a))
    assert abs(ssim - ssim_factors(a, b, np.ptp(a))[0]) < 1e-9
    emit("images/ms_ssim", [ms_ssim(a, b, np.ptp(a))])
    c = rings(a, b)
    emit("images/rings", np.append(c, resolution(c, 171)))
    q = b[:85 * 2, :91 * 2]
    c = (rings(q[::2, ::2], q[1::2, 1::2], 0.5, 0.5)
         + rings(q[::2, 1::2], q[1::2, ::2], 0.5, -0.5)) / 2
    emit("images/rings_single", np.append(c, 2 * resolution(c, 85)))
    emit("images/whiteness", whiteness(a - b, 5))


golden_objects()
golden_images()
OUT.write_text("\n".join(lines) + "\n")
print(OUT, OUT.stat().st_size, "bytes")
