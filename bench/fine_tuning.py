#!/usr/bin/env python3
"""Does a trained model help with few images of another kind? Trains from
random weights and from a model, with 1, 3 and 10 images and the same number of
steps, and scores the images nothing was chosen on.

    python3 bench/fine_tuning.py DATA/phase_t98g OUT [--fovea build/bin/fovea]
        [--model models/nuclei.fovea] [--epochs 6] [--steps 25] [--crop 224]
        [--val 4] [--test 12] [--rates 1e-3,3e-3,1e-2] [--seeds 1]
        [--precision f32]
    python3 bench/fine_tuning.py DATA/phase_t98g OUT --draw PICTURE.svg

The folder holds images/ and labels/. In natural order of names the first 10
images train, the next --val choose epoch, thresholds and, with 10 images, the
learning rate of each beginning (by their loss); the last --test are the test.
Runs that are there already are not repeated; --draw makes the picture from
OUT/scores.csv and the histories. Writes OUT/scores.csv, with TP, FP and FN
summed over seeds; prints it.
"""
import argparse
import csv
import os
import pathlib
import re
import shutil
import subprocess

import held_out

TRAIN = 10
COUNTS = (1, 3, 10)
KINDS = ("scratch", "model")


def natural(name):
    return [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", name)]


def names_in(folder):
    return sorted((os.path.splitext(n)[0] for n in os.listdir(folder)),
                  key=natural)


def run_name(kind, n, rate, seed):
    return f"{kind}-{n}-{rate}-{seed}"


def split_file(o, names, n):
    path = os.path.join(o.out, f"split-{n}.csv")
    with open(path, "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(("id", "split"))
        w.writerows((name, "train") for name in names[:n])
        w.writerows((name, "val") for name in names[TRAIN:TRAIN + o.val])
    return path


def train(o, names, kind, n, rate, seed=1):
    run = os.path.join(o.out, run_name(kind, n, rate, seed))
    if os.path.exists(os.path.join(run, "done")):
        return run
    shutil.rmtree(run, ignore_errors=True)
    network = (["--init", o.model] if kind == "model" else
               ["--arch", "unet", "--config", "base=32,depth=3", "--channels",
                "3"])
    subprocess.run(
        [o.fovea, "train", "--task", "segment", "--images", f"{o.data}/images",
         "--labels", f"{o.data}/labels", "--split-csv",
         split_file(o, names, n), "-o", run, "--target", "flows", "--crop",
         str(o.crop), "--batch", "4", "--steps", str(o.steps), "--epochs",
         str(o.epochs), "--warmup", "20", "--lr", rate, "--seed", str(seed),
         "--size", "0", "--precision", o.precision, "-q", *network],
        check=True, stdout=subprocess.DEVNULL)
    open(os.path.join(run, "done"), "w").close()
    return run


def history(run):
    with open(os.path.join(run, "history.csv")) as f:
        return list(csv.DictReader(f))


def best_rate(o, names, kind):
    """Of the rates, the one with the lowest loss on the validation images."""
    def loss(rate):
        rows = history(train(o, names, kind, TRAIN, rate))
        return min(float(r["val_loss"]) for r in rows)
    return min(o.rates.split(","), key=loss)


def score(o, names, kind, n, rate):
    """AP at IoU 0.5 of the test images, pooled over them and the seeds."""
    total = dict.fromkeys(("tp", "fp", "fn"), 0)
    for seed in range(1, o.seeds + 1):
        run = train(o, names, kind, n, rate, seed)
        told = held_out.score(o.fovea, f"{run}/model.fovea",
                              f"{o.data}/images", f"{o.data}/labels",
                              names[-o.test:], pathlib.Path(run))
        for key in total:
            total[key] += told["pooled"][0][key]
    return {**total, "ap": total["tp"] / sum(total.values())}


def measure(o):
    names = names_in(os.path.join(o.data, "images"))
    if len(names) < TRAIN + o.val + o.test:
        raise SystemExit(f"{o.data}: {len(names)} images are too few")
    os.makedirs(o.out, exist_ok=True)
    rows = []
    for kind in KINDS:
        rate = best_rate(o, names, kind)
        for n in COUNTS:
            rows.append({"from": kind, "rate": rate, "images": n, "steps":
                         o.epochs * o.steps, "seeds": o.seeds,
                         **score(o, names, kind, n, rate)})
            print(f"{kind}\t{n} images\trate {rate}\tAP "
                  f"{rows[-1]['ap']:.3f}", flush=True)
    with open(os.path.join(o.out, "scores.csv"), "w", newline="") as f:
        w = csv.DictWriter(f, rows[0].keys())
        w.writeheader()
        w.writerows(rows)


# ---- the picture ----

WIDTH, HEIGHT, LEFT, TOP, WIDE, HIGH, GAP = 720, 300, 56, 34, 280, 210, 76
COLORS = {"scratch": "#8a8a8a", "model": "#0b6e99"}


def text(x, y, words, anchor="middle", color="#222222"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" '
            f'fill="{color}">{words}</text>')


def panel(index, title, below, ticks, most, lines):
    """A panel: axes from 0 to 1, and lines (color, [(x share, y)])."""
    left = LEFT + index * (WIDE + GAP)
    out = [text(left + WIDE / 2, TOP - 12, title)]
    for i in range(6):
        y = TOP + HIGH * (1 - i / 5)
        out.append(f'<path d="M{left} {y:.0f}h{WIDE}" stroke="#dddddd"/>')
        out.append(text(left - 8, y + 4, f"{most * i / 5:.1f}", "end"))
    for x, words in ticks:
        out.append(text(left + WIDE * x, TOP + HIGH + 18, words))
    out.append(text(left + WIDE / 2, TOP + HIGH + 38, below))
    for color, points in lines:
        at = [(left + WIDE * x, TOP + HIGH * (1 - y / most)) for x, y in points]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in at)
        out.append(f'<path d="M{path}" fill="none" stroke="{color}" '
                   'stroke-width="2"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>'
                for x, y in at]
    return out


def learning(o, kind, rate):
    rows = history(os.path.join(o.out, run_name(kind, TRAIN, rate, 1)))
    last = float(rows[-1]["step"])
    return [(float(r["step"]) / last, float(r["val_ap50"])) for r in rows], last


def draw(o):
    with open(os.path.join(o.out, "scores.csv")) as f:
        rows = list(csv.DictReader(f))
    place = {n: (i + 0.5) / len(COUNTS) for i, n in enumerate(COUNTS)}
    test = [(COLORS[kind], [(place[int(r["images"])], float(r["ap"]))
                            for r in rows if r["from"] == kind])
            for kind in KINDS]
    rate = {r["from"]: r["rate"] for r in rows}
    val = [(COLORS[kind], *learning(o, kind, rate[kind])) for kind in KINDS]
    last = val[0][2]
    steps = [(i / 4, f"{last * i / 4:.0f}") for i in range(5)]
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
           f'height="{HEIGHT + 44}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT + 44}" fill="#ffffff"/>']
    out += panel(0, "test: AP at IoU 0.5", "training images",
                 [(place[n], str(n)) for n in COUNTS], 1, test)
    out += panel(1, f"validation while it learns ({TRAIN} images)", "steps",
                 steps, 1, [v[:2] for v in val])
    for i, kind in enumerate(KINDS):
        x, y = LEFT + 330 * (i % 2), HEIGHT + 12 + 20 * (i // 2)
        out.append(f'<path d="M{x} {y - 4}h24" stroke="{COLORS[kind]}" '
                   'stroke-width="2"/>')
        out.append(text(x + 32, y, f"from {kind}", "start"))
    with open(o.draw, "w") as f:
        f.write("\n".join(out + ["</svg>", ""]))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("data")
    p.add_argument("out")
    p.add_argument("--fovea", default="build/bin/fovea")
    p.add_argument("--model", default="models/nuclei.fovea")
    p.add_argument("--epochs", type=int, default=6)
    p.add_argument("--steps", type=int, default=25)
    p.add_argument("--crop", type=int, default=224)
    p.add_argument("--val", type=int, default=4)
    p.add_argument("--test", type=int, default=12)
    p.add_argument("--rates", default="1e-3,3e-3,1e-2")
    p.add_argument("--seeds", type=int, default=1)
    p.add_argument("--precision", default="f32")
    p.add_argument("--draw")
    o = p.parse_args()
    draw(o) if o.draw else measure(o)


if __name__ == "__main__":
    main()
