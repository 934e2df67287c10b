#!/usr/bin/env python3
"""The floors of the house: a file includes only lower ones, and each outside
library is known to its own rooms only. Reads #include lines, nothing else."""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# floor -> what it may include besides itself (written out, not derived)
BELOW = {
    "base": [],
    "tensor": ["base"],
    "op": ["base", "tensor"],
    "backend": ["base", "tensor", "op"],
    "backend/ref": ["base", "tensor", "op", "backend"],
    "backend/native": ["base", "tensor", "op", "backend"],
    "backend/onednn": ["base", "tensor", "op", "backend"],
    "graph": ["base", "tensor", "op", "backend"],
    "nn": ["base", "tensor", "op", "backend", "graph"],
    "nn/arch": ["base", "tensor", "op", "graph", "nn"],
    "image": ["base", "tensor"],
    "task": ["base", "tensor", "image"],
    "model": ["base", "tensor", "op", "graph", "nn", "nn/arch", "image",
              "task"],
    "train": ["base", "tensor", "op", "graph", "nn", "nn/arch", "image",
              "task", "model"],
    "explain": ["base", "tensor", "op", "graph", "nn", "nn/arch", "image",
                "task", "model"],
    "cli": ["base", "tensor", "image", "task", "op", "graph", "nn", "nn/arch",
            "model", "train", "explain"],
    "examples": [],
}

# public header -> its floor. graph.h stands on "op": it holds the vocabulary
# (values, fv_conv, fv_resample) that operations are described with; a call
# from an operation into the graph would still fail to link.
PUBLIC = {
    "status": "base", "field": "base", "tensor": "tensor", "graph": "op",
    "plan": "graph", "loss": "nn", "optim": "nn", "arch": "nn",
    "image": "image", "segment": "task", "score": "task", "synth": "task",
    "stars": "task", "flows": "task", "shape": "task", "degrade": "task",
    "filter": "task", "class_score": "task", "map": "task",
    "model": "model", "augment": "train", "train": "train", "fovea": "cli",
}

# header of an outside library -> where it may be included
KEEPERS = {
    r"dnnl.*\.h": ["backend/onednn"],
    r"immintrin\.h|cpuid\.h": ["backend/native", "task"],
    r"tiff(io)?\.h|png\.h|jpeglib\.h|expat\.h": ["image"],
    r"zip\.h|zlib\.h": ["image", "task", "model"],
    r"fftw3\.h": ["task"],
    r"jansson\.h": ["model", "train", "cli"],
    r"hdf5.*\.h": ["image", "model"],
    r"cairo.*\.h": ["train", "explain"],
    r"omp\.h": ["base", "backend/ref", "backend/native", "backend/onednn"],
    r"cmocka\.h": [],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def floor_of(path):
    """The floor a path relative to src/ (or cli/..., examples/...) is on."""
    parts = path.split("/")
    for n in (2, 1):
        name = "/".join(parts[:n])
        if len(parts) > n and name in BELOW:
            return name
    return None


def floor_of_include(name):
    if name.startswith("fovea/"):
        return PUBLIC.get(name[6:-2])
    return floor_of(name)


def files():
    for top in ("src", "cli", "examples"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), ROOT)


def kept(floor, header):
    for pattern, rooms in KEEPERS.items():
        if re.fullmatch(pattern, header):
            return floor in rooms
    return True


def check_include(floor, kind, name):
    """A sentence about what is wrong with one include, or None."""
    if kind == "<":
        if not kept(floor, name):
            return f"<{name}> has no business on floor {floor}"
        return None
    if floor == "examples":
        return None if name.startswith("fovea/") else (
            f'"{name}" is not a public header')
    if floor == "cli" and (name == "cmd.h" or "/" not in name):
        return None
    there = floor_of_include(name)
    if there is None:
        return f'"{name}" is on no floor (say the path from src/)'
    if there != floor and there not in BELOW[floor] and floor != "cli":
        return f'floor {floor} includes "{name}" from floor {there}'
    return None


def check_file(path):
    short = path[4:] if path.startswith("src/") else path
    floor = floor_of(short)
    if floor is None:
        return [f"{path}: on no floor known to tools/check_floors.py"]
    wrong = []
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            m = INCLUDE.match(line)
            sentence = m and check_include(floor, m.group(1), m.group(2))
            if sentence:
                wrong.append(f"{path}:{number}: {sentence}")
    return wrong


def check_public():
    """Public headers include standard headers and lower public ones."""
    wrong = []
    folder = os.path.join(ROOT, "include", "fovea")
    for name in sorted(os.listdir(folder)):
        floor = PUBLIC.get(name[:-2])
        if floor is None:
            wrong.append(f"include/fovea/{name}: missing in PUBLIC")
            continue
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                m = INCLUDE.match(line)
                if not m or floor == "cli":
                    continue
                at = f"include/fovea/{name}:{number}"
                if m.group(1) == "<":
                    if m.group(2) not in ("stddef.h", "stdint.h"):
                        wrong.append(f"{at}: public headers need only "
                                     "stddef.h and stdint.h")
                    continue
                there = floor_of_include(m.group(2))
                if there != floor and there not in BELOW[floor]:
                    wrong.append(f"{at}: floor {floor} includes {there}")
    return wrong


def main():
    wrong = check_public()
    count = 0
    for path in files():
        count += 1
        wrong += check_file(path)
    for sentence in wrong:
        print(sentence)
    print(f"{count} files, {len(wrong)} includes that go up")
    return 1 if wrong or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
