#!/usr/bin/env python3
"""Flows to objects, fovea beside the dynamics of Cellpose, in one run.

A field of 2048 x 2048 px with 4,000 objects: flows of the labels with noise,
decoded with quality control by both, in turn; prints medians, the ratio and
how far the answers agree. Needs the Python package cellpose 3.1.1.3.

    python3 bench/bench_flows.py [--library build/src/libfovea.so] [--side N]
        [--rounds N] [--threads N]
"""
import argparse
import ctypes
import statistics
import time

import numpy as np
import torch
from cellpose import dynamics, utils


class Tensor(ctypes.Structure):
    """fv_tensor"""
    _fields_ = [("data", ctypes.c_void_p), ("dtype", ctypes.c_int),
                ("ndim", ctypes.c_int), ("dim", ctypes.c_int64 * 5),
                ("stride", ctypes.c_int64 * 5)]


class Flow(ctypes.Structure):
    """fv_flow_options"""
    _fields_ = [(n, ctypes.c_int) for n in
                ("center", "steps", "log", "neighbors")]


class Decode(ctypes.Structure):
    """fv_flow_decode_options"""
    _fields_ = ([(n, ctypes.c_double) for n in
                 ("logit", "scale", "max_error", "max_share")] +
                [(n, ctypes.c_int64) for n in ("steps", "min_area")] +
                [(n, ctypes.c_int) for n in
                 ("fill_holes", "judge_edges", "shifted", "whole_fill",
                  "small_by_rank")] +
                [("flows", Flow)])


def view(a):
    code = {"float32": 0, "uint32": 4}[a.dtype.name]
    t = Tensor(a.ctypes.data, code, a.ndim)
    for i in range(a.ndim):
        t.dim[i] = a.shape[i]
        t.stride[i] = a.strides[i] // a.itemsize
    return t


class Fovea:
    def __init__(self, library, threads):
        self.lib = ctypes.CDLL(library)
        self.lib.fv_message.restype = ctypes.c_char_p
        self.ctx = ctypes.c_void_p()
        self.call("fv_ctx_new", None, ctypes.byref(self.ctx))
        self.lib.fv_set_threads(self.ctx, threads)

    def call(self, name, *args):
        if getattr(self.lib, name)(*args):
            raise RuntimeError(self.lib.fv_message(self.ctx).decode())

    def flows(self, labels, profile="fovea"):
        o = Flow()
        out = np.empty((*labels.shape, 2), np.float32)
        labels = np.ascontiguousarray(labels, np.uint32)
        self.call("fv_flow_profile", self.ctx, profile.encode(),
                  ctypes.byref(o))
        self.call("fv_flows_from_labels", self.ctx, view(labels), o, view(out))
        return out

    def decode(self, maps, profile="fovea", **change):
        o, count = Decode(), ctypes.c_int64()
        labels = np.empty(maps.shape[:2], np.uint32)
        self.call("fv_flow_decode_profile", self.ctx, profile.encode(),
                  ctypes.byref(o))
        for key, value in change.items():
            setattr(o, key, value)
        self.call("fv_flow_decode", self.ctx, view(maps), o, view(labels),
                  ctypes.byref(count))
        return labels


def ellipses(side, pitch=32, seed=3):
    """Labels of ellipses around the points of a shaken grid."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((side, side), np.int32)
    n = side // pitch
    for k in range(n * n):
        a, b = rng.uniform(0.3, 0.5, 2) * pitch
        turn = rng.uniform(0, np.pi)
        cy, cx = (np.array(divmod(k, n)) + 0.5 +
                  rng.uniform(-0.12, 0.12, 2)) * pitch
        y0, x0 = max(int(cy) - pitch, 0), max(int(cx) - pitch, 0)
        box = labels[y0:int(cy) + pitch, x0:int(cx) + pitch]
        y, x = np.mgrid[:box.shape[0], :box.shape[1]]
        u = (y + y0 - cy) * np.cos(turn) + (x + x0 - cx) * np.sin(turn)
        v = (x + x0 - cx) * np.cos(turn) - (y + y0 - cy) * np.sin(turn)
        box[((u / a) ** 2 + (v / b) ** 2 <= 1) & (box == 0)] = k + 1
    return labels


def answer_of(labels, noise, seed=4):
    """What a network might answer: (H,W,3)."""
    rng = np.random.default_rng(seed)
    maps = np.empty((*labels.shape, 3), np.float32)
    flows = dynamics.masks_to_flows(labels, device=torch.device("cpu"))
    maps[..., :2] = 5 * np.moveaxis(flows, 0, 2)
    maps[..., 2] = np.where(labels > 0, 4.0, -4.0)
    maps += rng.normal(scale=noise, size=maps.shape).astype(np.float32)
    return maps


def cellpose(maps, min_size=15):
    masks = dynamics.compute_masks(
        np.ascontiguousarray(np.moveaxis(maps[..., :2], 2, 0)),
        np.ascontiguousarray(maps[..., 2]), flow_threshold=0.4,
        device=torch.device("cpu"))
    return utils.fill_holes_and_remove_small_masks(masks, min_size=min_size)


def agreement(a, b):
    """Share of pixels whose labels differ, where equal objects are equal by
    overlap; share of objects of `b` with IoU of at least 0.9."""
    a, b = a.ravel().astype(np.int64), b.ravel().astype(np.int64)
    pairs, n = np.unique(a * (b.max() + 1) + b, return_counts=True)
    i, j = divmod(pairs, b.max() + 1)
    area_a, area_b = np.bincount(a), np.bincount(b)
    iou = n / (area_a[i] + area_b[j] - n)
    good = (i > 0) & (j > 0) & (iou > 0.5)
    same = n[good].sum() + n[(i == 0) & (j == 0)].sum()
    matched = ((i > 0) & (j > 0) & (iou >= 0.9)).sum()
    return 1 - same / len(a), matched / max((area_b[1:] > 0).sum(), 1)


def timed(f, *args):
    start = time.perf_counter()
    result = f(*args)
    return time.perf_counter() - start, result


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--library", default="build/src/libfovea.so")
    p.add_argument("--side", type=int, default=2048)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--threads", type=int, default=2)
    o = p.parse_args()
    torch.set_num_threads(o.threads)
    fovea = Fovea(o.library, o.threads)
    labels = ellipses(o.side)
    maps = answer_of(labels, 0.5)
    print(f"{o.side} x {o.side} px, {labels.max()} objects, "
          f"{(labels > 0).mean():.0%} of the pixels, {o.threads} threads")
    ours, theirs, flow_ours, flow_theirs = [], [], [], []
    for _ in range(o.rounds):
        t, mine = timed(fovea.decode, maps)
        ours.append(t)
        t, field = timed(cellpose, maps)
        theirs.append(t)
        flow_ours.append(timed(fovea.flows, labels)[0])
        flow_theirs.append(timed(dynamics.masks_to_flows, labels)[0])
    differ, matched = agreement(mine, field)
    for name, a, b in (("decode", ours, theirs),
                       ("flows", flow_ours, flow_theirs)):
        a, b = statistics.median(a), statistics.median(b)
        print(f"{name:6}  fovea {a:.3f} s  cellpose {b:.3f} s  "
              f"ratio {b / a:.1f}")
    print(f"agreement: {differ:.4%} of the pixels differ, {matched:.2%} of "
          f"{field.max()} objects matched at IoU 0.9")


if __name__ == "__main__":
    main()
