#!/usr/bin/env python3
"""Scores of a classifier by scikit-learn, and calibration by numpy: problems
and answers for tests/task/test_class_score.c (tests/golden/classes.txt)."""
import warnings

import numpy as np
from sklearn import __version__, metrics

warnings.filterwarnings("ignore")


def calibration(p, truth, bins=15):
    top, said = p.max(1), p.argmax(1)
    edges = np.linspace(0, 1, bins + 1)
    total = 0.0
    for lo, hi in zip(edges[:-1], edges[1:]):
        inside = (top > lo) & (top <= hi)
        if inside.any():
            total += inside.mean() * abs(top[inside].mean()
                                         - (said == truth)[inside].mean())
    return total


def problem(name, K, n, skill, steps, seed, classes=None):
    r = np.random.default_rng(seed)
    truth = r.choice(classes or K, n)
    logit = r.normal(size=(n, K))
    logit[np.arange(n), truth] += skill
    p = np.exp(logit)
    p /= p.sum(1, keepdims=True)
    if steps:  # few values: many ties
        p = np.round(p * steps) / steps
    p = p.astype(np.float32)
    said = p.argmax(1)
    there = np.unique(truth)
    auc = [metrics.roc_auc_score(truth == k, p[:, k])
           if 0 < (truth == k).sum() < n else float("nan") for k in range(K)]
    f1 = metrics.f1_score(truth, said, labels=range(K), average=None)
    print("problem", name, K, n)
    print("truth", *truth)
    print("p", *(f"{v:.9g}" for v in p.ravel()))
    print("confusion", *metrics.confusion_matrix(
        truth, said, labels=range(K)).ravel())
    print("f1", *(f"{v:.12g}" for v in f1))
    print("auc", *(f"{v:.12g}" for v in auc))
    print("all", *(f"{v:.12g}" for v in (
        metrics.accuracy_score(truth, said),
        metrics.balanced_accuracy_score(truth, said),
        f1[there].mean(), np.nanmean(auc),
        calibration(p.astype(np.float64), truth))))


print("# By tools/make_golden_classes.py, scikit-learn", __version__)
problem("two", 2, 40, 1.0, 0, 1)
problem("ties", 3, 60, 0.7, 8, 2)
problem("missing", 4, 30, 1.5, 0, 3, [0, 2, 3])
problem("one", 3, 12, 0.5, 0, 4, [1])
