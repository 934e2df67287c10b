"""Images nothing was chosen on, segmented and scored: what the benches of
segmentation share."""
import json
import pathlib
import shutil
import subprocess


def file_of(folder, name):
    return next(p for p in pathlib.Path(folder).iterdir() if p.stem == name)


def score(fovea, model, images, labels, names, out, *more):
    """Segments the images of these names into OUT/answers, beside links to
    their labels in OUT/truth, and gives what fovea score says of them."""
    answers, truth = out / "answers", out / "truth"
    for folder in (answers, truth):
        shutil.rmtree(folder, ignore_errors=True)
    truth.mkdir(parents=True)
    for name in names:
        label = file_of(labels, name)
        (truth / label.name).symlink_to(label.resolve())
    subprocess.run([fovea, "segment", *[file_of(images, n) for n in names],
                    "-o", answers, "--model", model, "--save", "labels", "-q"],
                   check=True, stdout=subprocess.DEVNULL)
    return json.loads(subprocess.run(
        [fovea, "score", "segment", answers, truth, "--json", *more],
        check=True, stdout=subprocess.PIPE).stdout)
