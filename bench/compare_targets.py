#!/usr/bin/env python3
"""Which target tells objects apart best? Trains the same U-net on the same
images for the same number of steps, once per target, thresholds tuned on the
validation images, and scores the test images.

    python3 bench/compare_targets.py IMAGES LABELS TABLE.csv OUT
        [--targets cell,boundary,distance,stars,flows] [--only column=value]
        [--config base=16,depth=3] [--init MODEL] [--steps 150] [--epochs 4]
        [--crop 160] [--batch 8] [--lr 2e-3] [--show ID,X,Y,SIZE]
        [--fovea build/bin/fovea]

TABLE has the columns id and split (train, val, test). Runs that are there
already are not repeated. Writes OUT/scores.csv and prints it as a table; with
--show also OUT/targets.png: a window of one image for each target, outlines
green where an object is found (IoU 0.5), red where it is not, orange where
there is none.
"""
import argparse
import csv
import pathlib
import shutil
import subprocess

import numpy
from PIL import Image, ImageDraw

import held_out

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9)
FOUND, MISSED, INVENTED = (60, 200, 80), (235, 60, 50), (255, 165, 0)


def rows_of(o, split):
    column, _, value = (o.only or "").partition("=")
    with open(o.table, newline="") as f:
        return [r["id"] for r in csv.DictReader(f) if r["split"] == split
                and (not column or r[column] == value)]


def train(o, target):
    run = o.out / target
    if (run / "done").exists():
        return run
    shutil.rmtree(run, ignore_errors=True)
    network = (["--init", o.init] if o.init else
               ["--arch", "unet", "--config", o.config])
    subprocess.run(
        [o.fovea, "train", "--task", "segment", "--images", o.images,
         "--labels", o.labels, "--split-csv", o.table, "-o", run, "--target",
         target, "--crop", str(o.crop), "--batch", str(o.batch), "--steps",
         str(o.steps), "--epochs", str(o.epochs), "--lr", str(o.lr),
         "--warmup", "50", "--size", "0", "--seed", "1", "-q", "--precision",
         o.precision, *network, *(["--only", o.only] if o.only else [])],
        check=True, stdout=subprocess.DEVNULL)
    (run / "done").touch()
    return run


def score(o, target, run):
    """AP at each IoU, TP, FP and FN summed over the test images."""
    told = held_out.score(o.fovea, run / "model.fovea", o.images, o.labels,
                          rows_of(o, "test"), run, "--objects",
                          run / "objects.csv", "-f")
    at = {round(p["iou"], 2): p for p in told["pooled"]}
    with open(run / "objects.csv", newline="") as f:
        fates = [(r["side"], r["fate"]) for r in csv.DictReader(f)]
    row = {"target": target}
    for level in LEVELS:
        p = at[level]
        row[f"ap_{level}"] = round(p["tp"] / (p["tp"] + p["fp"] + p["fn"]), 3)
    for side, fate in sorted(set(fates)):
        row[f"{side}_{fate}"] = fates.count((side, fate))
    return row


# ---- the picture ----

def outline(labels, wanted):
    """Pixels of wanted objects that touch another number, 4 neighbors."""
    edge = numpy.zeros(labels.shape, bool)
    for axis in (0, 1):
        for step in (1, -1):
            edge |= numpy.roll(labels, step, axis) != labels
    return edge & numpy.isin(labels, list(wanted))


def panel(o, run, name, window, zoom):
    pixels = numpy.asarray(Image.open(
        held_out.file_of(o.images, name)).convert("RGB"))
    shown = run / "shown"
    held_out.score(o.fovea, run / "model.fovea", o.images, o.labels, [name],
                   shown, "--objects", run / "shown.csv", "-f")
    with open(run / "shown.csv", newline="") as f:
        rows = list(csv.DictReader(f))
    x, y, size = window
    cut = numpy.s_[y:y + size, x:x + size]

    def large(a):
        return a[cut].repeat(zoom, 0).repeat(zoom, 1)
    picture = large(pixels).astype(float)
    picture = 255 * (picture / max(picture.max(), 1)) ** 0.6
    answer = numpy.asarray(Image.open(next((shown / "answers").iterdir())))
    want = numpy.asarray(Image.open(held_out.file_of(o.labels, name)))

    def labels_of(side, matched):
        return {int(r["label"]) for r in rows if r["side"] == side
                and (r["fate"] == "matched") == matched}
    for labels, wanted, color in (
            (want, labels_of("truth", False), MISSED),
            (answer, labels_of("found", False), INVENTED),
            (answer, labels_of("found", True), FOUND)):
        picture[outline(large(labels), wanted)] = color
    return Image.fromarray(picture.astype(numpy.uint8))


def draw(o, targets):
    name, *window = o.show.split(",")
    window = [int(v) for v in window]
    zoom = max(1, round(280 / window[2]))
    panels = [panel(o, o.out / t, name, window, zoom) for t in targets]
    wide, gap, head = window[2] * zoom, 6, 18
    sheet = Image.new("RGB", (len(panels) * (wide + gap) - gap, wide + head),
                      "white")
    for i, (target, picture) in enumerate(zip(targets, panels)):
        sheet.paste(picture, (i * (wide + gap), head))
        ImageDraw.Draw(sheet).text((i * (wide + gap) + 4, 3), target, "black")
    sheet.save(o.out / "targets.png", optimize=True)


def main():
    p = argparse.ArgumentParser()
    for name in ("images", "labels", "table"):
        p.add_argument(name)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--fovea", default="build/bin/fovea")
    p.add_argument("--targets", default="cell,boundary,distance,stars,flows")
    p.add_argument("--only")
    p.add_argument("--config", default="base=16,depth=3")
    p.add_argument("--init")
    p.add_argument("--precision", default="f32")
    p.add_argument("--show")
    for name, number in (("steps", 150), ("epochs", 4), ("crop", 160),
                         ("batch", 8)):
        p.add_argument("--" + name, type=int, default=number)
    p.add_argument("--lr", type=float, default=2e-3)
    o = p.parse_args()
    o.out.mkdir(parents=True, exist_ok=True)
    targets = o.targets.split(",")
    rows = [score(o, t, train(o, t)) for t in targets]
    columns = list(dict.fromkeys(c for r in rows for c in r))
    with open(o.out / "scores.csv", "w", newline="") as f:
        w = csv.DictWriter(f, columns, restval=0)
        w.writeheader()
        w.writerows(rows)
    print("| " + " | ".join(columns) + " |")
    for r in rows:
        print("| " + " | ".join(str(r.get(c, 0)) for c in columns) + " |")
    if o.show:
        draw(o, targets)


if __name__ == "__main__":
    main()
