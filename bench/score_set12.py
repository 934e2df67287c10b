#!/usr/bin/env python3
"""DnCNN for sigma 25 with its published weights on the twelve images of Set12.

    bench/score_set12.py SET12 DNCNN_25.pth [FOVEA]

SET12 is the folder of the twelve gray images (github.com/cszn/DnCNN,
testsets/Set12), the weights are those of github.com/cszn/KAIR. Noise is
numpy's default_rng(0), N(0, 25), not clipped, drawn image after image in the
order of their names. Prints PSNR (range 255) of each and the mean, which is
published as 30.43 dB (Zhang et al. 2017, arXiv:1608.03981; KAIR).
Exit code 1 when the mean is over 0.05 dB off.
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

PUBLISHED, TOLERANCE = 30.43, 0.05
CONVERT = ["--arch", "dncnn", "--set", "batch_norm=0", "--task", "restore",
           "--normalize", "mean_std", "--deviation", "255"]


def psnr(a, b):
    return 10 * np.log10(255 ** 2 / np.mean((a - b) ** 2))


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    folder, weights = map(pathlib.Path, sys.argv[1:3])
    fovea = sys.argv[3] if len(sys.argv) == 4 else "build/bin/fovea"
    paths = sorted(folder.glob("*.png"))
    if len(paths) != 12:
        sys.exit(f"{folder}: has {len(paths)} images, expected the 12 of Set12")
    rng = np.random.default_rng(0)
    scores = []
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        model = work / "dncnn25.fovea"
        subprocess.run([fovea, "convert", weights, model, *CONVERT],
                       check=True, stdout=subprocess.DEVNULL)
        truth = {}
        for path in paths:
            clean = np.asarray(Image.open(path).convert("L"), np.float64)
            noisy = clean + rng.normal(0, 25, clean.shape)
            np.save(work / f"{path.stem}.npy", noisy.astype(np.float32))
            truth[path.stem] = clean, noisy
        subprocess.run([fovea, "restore", *sorted(work.glob("*.npy")), "-o",
                        work / "out", "--model", model, "-q"], check=True,
                       stdout=subprocess.DEVNULL)
        print("image\tnoisy_db\tpsnr_db")
        for stem, (clean, noisy) in truth.items():
            out = Image.open(work / "out" / f"{stem}_restored.tif")
            scores.append(psnr(np.asarray(out, np.float64), clean))
            print(f"{stem}\t{psnr(noisy, clean):.2f}\t{scores[-1]:.2f}")
    mean = float(np.mean(scores))
    print(f"mean of 12\t\t{mean:.3f}")
    return abs(mean - PUBLISHED) > TOLERANCE


if __name__ == "__main__":
    sys.exit(main())
