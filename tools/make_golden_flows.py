#!/usr/bin/env python3
"""Golden flows, decoded flows and shape descriptors.

Flows and labels come from Cellpose itself, three versions of it, each in a
folder of its own (pip install --no-deps --target DIR cellpose==VERSION, with
what it imports beside it); shape descriptors from numpy and scipy by their
published definition. Writes tests/golden/flows.txt.

    python3 tools/make_golden_flows.py DIR_2.2.3 DIR_3.1.1.3 DIR_4.0.9
"""
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import scipy.ndimage as ndi

OUT = pathlib.Path(__file__).parent.parent / "tests" / "golden" / "flows.txt"
lines = []

FLOWS = {
    "v2": "dynamics.masks_to_flows_cpu(labels)[0]",
    "v3": "dynamics.masks_to_flows(labels, device=torch.device('cpu'))",
    "v4": "dynamics.masks_to_flows_gpu(labels, device=torch.device('cpu'))",
}
DECODE = """utils.fill_holes_and_remove_small_masks(dynamics.compute_masks(
    maps[:2].copy(), maps[2], niter=200, device=torch.device('cpu')),
    min_size=15)"""


def in_cellpose(folder, expression, **arrays):
    """Evaluates an expression with one version of the package."""
    with tempfile.TemporaryDirectory() as tmp:
        np.savez(f"{tmp}/in.npz", **arrays)
        code = (f"import numpy as np, torch\n"
                f"from cellpose import dynamics, utils\n"
                f"globals().update(np.load('{tmp}/in.npz'))\n"
                f"np.save('{tmp}/out.npy', {expression})\n")
        path = folder + os.pathsep + os.environ.get("PYTHONPATH", "")
        subprocess.run([sys.executable, "-W", "ignore", "-c", code],
                       check=True, env={**os.environ, "PYTHONPATH": path})
        return np.load(f"{tmp}/out.npy")


def emit(name, a, digits=7):
    a = np.asarray(a, dtype=np.float64)
    lines.append(" ".join([name, str(a.ndim), *map(str, a.shape)]))
    lines.append(" ".join(f"{v:.{digits}g}" for v in a.ravel()))


def cells(h, w, pitch, seed):
    """Pieces of a plane cut by random seeds, with gaps: many touch."""
    rng = np.random.default_rng(seed)
    n = (h // pitch) * (w // pitch)
    y, x = rng.uniform(0, h, n), rng.uniform(0, w, n)
    gy, gx = np.mgrid[:h, :w]
    d = (gy[..., None] - y) ** 2 + (gx[..., None] - x) ** 2
    labels = d.argmin(-1) + 1
    labels[d.min(-1) > (0.75 * pitch) ** 2] = 0
    _, labels = np.unique(labels, return_inverse=True)
    return labels.reshape(h, w).astype(np.int32)


def golden_flows(v2, v3, v4):
    labels = cells(26, 34, 9, 7)
    labels[3:11, 30] = labels.max() + 1  # thin; no center of symmetry
    labels[25, 0] = labels.max() + 1     # one pixel
    labels[10:13, 14:16] = 0             # a hole
    emit("flows/labels", labels)
    for name, folder in (("v2", v2), ("v3", v3), ("v4", v4)):
        flows = in_cellpose(folder, FLOWS[name], labels=labels)
        emit(f"flows/{name}", np.moveaxis(flows, 0, 2), 6)


def golden_decode(v3, v4):
    labels = cells(52, 60, 13, 11)
    rng = np.random.default_rng(5)
    flows = in_cellpose(v3, FLOWS["v3"], labels=labels)
    maps = np.concatenate([5 * flows, np.where(labels > 0, 2.0, -2.0)[None]])
    smooth = ndi.gaussian_filter(rng.normal(size=maps.shape), (0, 1.2, 1.2))
    maps += smooth / smooth.std() * np.array([1.1, 1.1, 1.3])[:, None, None]
    maps[:2, 20:34, 20:34] *= -1         # some objects fail the flow error
    maps = np.round(maps, 2).astype(np.float32)
    emit("decode/maps", np.moveaxis(maps, 0, 2))
    for name, folder in (("v3", v3), ("v4", v4)):
        emit(f"decode/{name}", in_cellpose(folder, DECODE, maps=maps))


def descriptors(labels, sigma, ball):
    """Pixel by pixel, as the equations say (see include/fovea/shape.h)."""
    h, w = labels.shape
    reach = int(np.floor(sigma) if ball else np.ceil(3 * sigma))
    dy, dx = np.mgrid[-reach:reach + 1, -reach:reach + 1]
    window = (1.0 * (dy ** 2 + dx ** 2 <= sigma ** 2) if ball else
              np.exp(-(dy ** 2 + dx ** 2) / (2 * sigma ** 2)))
    padded = np.pad(labels, reach)
    out = np.zeros((h, w, 6))
    for y, x in zip(*np.nonzero(labels)):
        own = padded[y:y + 2 * reach + 1, x:x + 2 * reach + 1] == labels[y, x]
        weight = window[own]
        u = np.stack([dy[own], dx[own]])
        mean = (weight * u).sum(1) / weight.sum()
        c = np.cov(u, aweights=weight, ddof=0) if own.sum() > 1 else \
            np.zeros((2, 2))
        out[y, x] = [*(mean / sigma), c[0, 0] / sigma ** 2,
                     c[1, 1] / sigma ** 2, c[0, 1] / sigma ** 2,
                     weight.sum() / window.sum()]
    return out


def golden_shape():
    labels = cells(22, 26, 8, 21)
    labels[0, 25] = labels.max() + 1     # one pixel
    emit("shape/labels", labels)
    emit("shape/gaussian", descriptors(labels, 2.5, False), 6)
    emit("shape/ball", descriptors(labels, 4.2, True), 6)


def main():
    golden_flows(*sys.argv[1:4])
    golden_decode(*sys.argv[2:4])
    golden_shape()
    OUT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
