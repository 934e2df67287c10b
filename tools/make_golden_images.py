#!/usr/bin/env python3
"""Expected contents of the sample files in DATA/formats, as other readers see
them (tifffile with imagecodecs, Pillow, numpy), for tests/image/test_formats.

    make_golden_images.py DATA > tests/golden/images.csv

Columns: file, axes, shape, dtype, measure, value.
measure  sha    first 16 digits of SHA-256 of the little-endian dense pixels
         mean   mean of each last axis or of all, where decoders may differ by
                a rounding (JPEG, color spaces)
         error  must be refused; the value is empty
The rules beside decoding: 0-is-white is inverted for unsigned integers, except
in files of ImageJ; palettes and inks become RGB; alpha is dropped; samples
that are no colors become axis C; pages without a meaning are Z; images are
turned upright; axes of extent 1 vanish.
"""
import hashlib
import os
import sys

import numpy as np
import tifffile
from PIL import Image

TYPES = {"bool": "u8", "uint8": "u8", "uint16": "u16", "uint32": "u32",
         "int8": "i8", "int16": "i16", "int32": "i32", "float16": "f32",
         "float32": "f32", "float64": "f64", "uint64": "f64", "int64": "f64"}
NUMPY = {"u8": "<u1", "u16": "<u2", "u32": "<u4", "i8": "<i1", "i16": "<i2",
         "i32": "<i4", "f32": "<f4", "f64": "<f8"}
PHOTO = tifffile.PHOTOMETRIC
JPEGS = (6, 7)


def turn_upright(a, axes, orientation):
    """Stored rows and columns to top-left, TIFF 6.0 tag 274."""
    y, x = axes.index("Y"), axes.index("X")
    if orientation in (5, 6, 7, 8):
        a = np.swapaxes(a, y, x)
    if orientation in (2, 3, 6, 7):
        a = np.flip(a, x)
    if orientation in (3, 4, 7, 8):
        a = np.flip(a, y)
    return a


def samples_last(a, axes):
    at = axes.index("S")
    return np.moveaxis(a, at, -1), axes.replace("S", "") + "S"


def colors(a, page):
    """(..., S) to RGB by photometric interpretation; None: no colors."""
    kind = page.photometric
    if kind == PHOTO.RGB and a.shape[-1] in (3, 4):
        return a[..., :3]
    if kind == PHOTO.SEPARATED:
        a = a.view(a.dtype.str.replace("i", "u")) if a.dtype.kind == "i" else a
        top = np.iinfo(a.dtype).max
        ink = top - a[..., :4].astype(np.uint64)
        return ((ink[..., :3] * ink[..., 3:] + top // 2) // top).astype(a.dtype)
    if kind == PHOTO.YCBCR:
        return a
    return None


def palette(a, table):
    """Indices to RGB; the table has 3 x n entries of 16 bits, or of 8."""
    shift = 8 if table.max() > 255 else 0
    rgb = (table[:, a.astype(np.int64)] >> shift).astype(np.uint8)
    return np.moveaxis(rgb, 0, -1)


def bright_counts(a, page, imagej):
    """Larger is brighter, except in files of ImageJ."""
    if a.dtype == bool:
        a = a.astype(np.uint8)
    if page.photometric == PHOTO.MINISWHITE and a.dtype.kind == "u" \
            and not imagej:
        bits = page.bitspersample
        bits = bits if isinstance(bits, int) else bits[0]
        a = (2 ** bits - 1 - a.astype(np.int64)).astype(a.dtype)
    return a


def counts(page):
    return bright_counts(page.asarray(), page, False)


def tiff(path):
    with tifffile.TiffFile(path) as t:
        page, series = t.pages[0], t.series[0]
        a, axes = series.asarray(), series.axes
        same = [page]
        if not (t.is_ome or t.is_imagej):
            same = [p for p in t.pages if p.shape == page.shape]
        if len(same) > 1:
            a, axes = np.stack([counts(p) for p in same]), "Z" + page.axes
        else:
            a = bright_counts(a, page, t.is_imagej)
        tables = [np.asarray(p.colormap) for p in same
                  if p.photometric == PHOTO.PALETTE]
        lossy = int(page.compression) in JPEGS
        imagej = t.is_imagej
    if page.photometric in (PHOTO.CIELAB, PHOTO.LOGL, PHOTO.LOGLUV):
        return None
    for name in "IQ":
        axes = axes.replace(name, "Z")
    if "S" in axes:
        a, axes = samples_last(a, axes)
    tag = page.tags.get(274)
    a = turn_upright(a, axes, tag.value if tag else 1)
    if page.photometric == PHOTO.PALETTE and not imagej:
        if axes.endswith("S"):
            a, axes = a[..., 0], axes[:-1]
        if axes[0] == "Z" and len(tables) == len(a):
            a = np.stack([palette(p, m) for p, m in zip(a, tables)])
        else:
            a = palette(a, tables[0])
        axes += "S"
    elif axes.endswith("S"):
        rgb = colors(a, page)
        if rgb is not None:
            a = rgb
        else:
            alpha = sum(int(e) in (1, 2) for e in page.extrasamples)
            a = a[..., :a.shape[-1] - alpha] if alpha < a.shape[-1] else a
            a, axes = np.moveaxis(a, -1, -3), axes[:-3] + "CYX"
    return squeeze(a, axes), lossy


def squeeze(a, axes):
    for i in reversed(range(len(axes))):
        if axes[i] in "TZC" and a.shape[i] == 1:
            a, axes = np.squeeze(a, i), axes[:i] + axes[i + 1:]
    return a, axes


def png(path):
    import imagecodecs
    with open(path, "rb") as f:
        data = f.read()
    im = Image.open(path)
    im.load()
    if im.mode == "P":
        return np.asarray(im.convert("RGB")), "YXS"
    if im.mode == "1":
        return np.asarray(im).astype(np.uint8), "YX"
    try:
        a = imagecodecs.png_decode(data)
    except RuntimeError:  # animation chunks it does not like
        a = np.asarray(im)
    bits, color = data[24], data[25]
    if color == 0 and bits < 8:  # imagecodecs spreads them over 8 bits
        a = (a // (255 // (2 ** bits - 1))).astype(np.uint8)
    if a.ndim == 3:
        a = a[..., :3] if a.shape[-1] > 2 else a[..., 0]
    if color in (0, 4) and a.ndim == 3:  # a transparent gray became color
        a = a[..., 0]
    return a, "YXS" if a.ndim == 3 else "YX"


def npy(path):
    a = np.load(path)
    if a.ndim < 2 or a.size == 0 or a.dtype.kind not in "buif":
        raise ValueError("no image")
    return a, {2: "YX", 3: "CYX"}[a.ndim]


def row(name, found, lossy):
    a, axes = found
    dtype = TYPES[a.dtype.name]
    a = np.ascontiguousarray(a.astype(NUMPY[dtype]))
    shape = "x".join(map(str, a.shape))
    if lossy:
        mean = a.reshape(-1, a.shape[-1] if axes[-1] == "S" else 1).mean(0)
        value = " ".join("%.3f" % m for m in mean)
    else:
        value = hashlib.sha256(a.tobytes()).hexdigest()[:16]
    return [name, axes, shape, dtype, "mean" if lossy else "sha", value]


def expected(path, name):
    base = os.path.basename(name)
    if name.endswith(".png"):
        if base.startswith("x") and name.startswith("png_suite"):
            raise ValueError("corrupt on purpose")
        return row(name, png(path), False)
    if name.endswith(".npy"):
        return row(name, npy(path), False)
    found = tiff(path)
    if found is None:  # color spaces that every reader renders its own way
        return None
    return row(name, *found)


def main():
    root = os.path.join(sys.argv[1], "formats")
    print("file,axes,shape,dtype,measure,value")
    for folder in ("npy", "ome_tiff", "png_suite", "png_apng", "tiff_bigtiff",
                   "tiff_imagetiff", "tiff_libtiffpic", "tiff_made",
                   "tiff_pillow"):
        for at, folders, files in os.walk(os.path.join(root, folder)):
            folders.sort()
            for f in sorted(files):
                path = os.path.join(at, f)
                name = os.path.relpath(path, root)
                if not f.endswith((".tif", ".tiff", ".png", ".npy")) or (
                        folder == "tiff_made" and f.endswith(".npy")):
                    continue
                try:
                    line = expected(path, name)
                except Exception as e:  # noqa: BLE001
                    print("%s: %s" % (name, e), file=sys.stderr)
                    line = [name, "", "", "", "error", ""]
                    if folder not in ("npy", "png_suite"):
                        line = None  # valid, but not for this reader
                if line:
                    print(",".join(line))


if __name__ == "__main__":
    main()
