#!/usr/bin/env python3
"""The folders for the published Noise2Void benchmark: Gaussian noise of sigma
25, not clipped, on BSD68 (test) and on 400 other images (training).

    python3 bench/bsd68.py TESTSETS/BSD68 DATA/Train400 OUT

Both image folders are in the public repository cszn/DnCNN. Their license does
not allow to pass them on. Writes OUT/train/noisy/NAME_1.npy ... (shots differ
by their noise), OUT/train/once/NAME.npy (the first shot alone, for blind
spots), OUT/train/clean, OUT/test/noisy, OUT/test/clean, and OUT/split.csv with
the last four training images for validation.
"""
import pathlib
import sys

import numpy
from PIL import Image

SIGMA = 25
SHOTS = 8


def read(path):
    return numpy.asarray(Image.open(path).convert("L"), dtype=numpy.float32)


def write(folder, name, pixels):
    folder.mkdir(parents=True, exist_ok=True)
    numpy.save(folder / f"{name}.npy", pixels.astype(numpy.float32))


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__.split("\n\n")[1].strip())
    test, train, out = map(pathlib.Path, sys.argv[1:])
    random = numpy.random.default_rng(68)
    for path in sorted(test.glob("*.png")):
        clean = read(path)
        write(out / "test/clean", path.stem, clean)
        noise = random.normal(0, SIGMA, clean.shape)
        write(out / "test/noisy", path.stem, clean + noise)
    paths = sorted(train.glob("*.png"))
    for path in paths:
        clean = read(path)
        name = path.stem.replace("_", "")
        write(out / "train/clean", name, clean)
        for shot in range(1, SHOTS + 1):
            noisy = clean + random.normal(0, SIGMA, clean.shape)
            write(out / "train/noisy", f"{name}_{shot}", noisy)
            if shot == 1:
                write(out / "train/once", name, noisy)
    roles = ["train"] * (len(paths) - 4) + ["val"] * 4
    rows = [f"{path.stem.replace('_', '')},{role}"
            for path, role in zip(paths, roles)]
    (out / "split.csv").write_text("id,split\n" + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
