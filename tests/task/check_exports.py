#!/usr/bin/env python3
"""Reads what test_export wrote with an independent reader.

GeoJSON: rings are closed, simple and filled even-odd give back the pixels.
ROI sets: the records follow ImageJ's format, enclose the same pixels and carry
their names. Tables: areas and boxes are those of the labels.

    check_exports.py FOLDER
"""
import csv
import json
import pathlib
import struct
import sys
import zipfile


def read_labels(path):
    words = path.read_text().split()
    h, w = int(words[0]), int(words[1])
    pixels = {}
    for i, word in enumerate(words[2:]):
        if word != "0":
            pixels.setdefault(int(word), set()).add((i // w, i % w))
    return h, w, pixels


def filled(rings):
    """Pixels whose centers are inside by the even-odd rule."""
    crossings = {}
    for ring in rings:
        for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1]):
            assert x0 == x1 or y0 == y1, "edges follow pixels"
            for y in range(min(y0, y1), max(y0, y1)):
                crossings.setdefault(y, []).append(x0)
    out = set()
    for y, xs in crossings.items():
        xs.sort()
        for a, b in zip(xs[::2], xs[1::2]):
            out.update((y, x) for x in range(a, b))
    return out


def signed_area(ring):
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1)
               in zip(ring, ring[1:] + ring[:1])) / 2


def check_geojson(path, pixels):
    doc = json.loads(path.read_text())
    assert doc["type"] == "FeatureCollection"
    found = []
    for feature in doc["features"]:
        assert feature["type"] == "Feature"
        assert feature["properties"]["objectType"] == "detection"
        label = feature["properties"]["measurements"]["Label"]
        found.append(label)
        geometry = feature["geometry"]
        parts = geometry["coordinates"]
        if geometry["type"] == "Polygon":
            parts = [parts]
        else:
            assert geometry["type"] == "MultiPolygon" and len(parts) > 1
        rings, area = [], 0
        for part in parts:
            for k, ring in enumerate(part):
                assert ring[0] == ring[-1], "closed"
                ring = [tuple(p) for p in ring[:-1]]
                assert len(set(ring)) == len(ring) >= 4, "simple"
                assert (signed_area(ring) > 0) == (k == 0), "holes turn back"
                area += signed_area(ring)
                rings.append(ring)
        assert area == len(pixels[label])
        assert filled(rings) == pixels[label]
    assert found == sorted(pixels)


def read_roi(data):
    magic, version, kind = struct.unpack(">4shB", data[:7])
    assert magic == b"Iout" and version >= 217
    top, left, bottom, right, n = struct.unpack(">4hH", data[8:18])
    n = n or struct.unpack(">i", data[18:22])[0]
    floats = struct.unpack(">i", data[36:40])[0]
    options = struct.unpack(">h", data[50:52])[0]
    second = struct.unpack(">i", data[60:64])[0]
    at, length = struct.unpack(">ii", data[second + 16:second + 24])
    name = data[at:at + 2 * length].decode("utf-16-be")
    assert at + 2 * length == len(data)
    rings = []
    if kind == 1:
        v = list(struct.unpack(f">{floats}f", data[64:64 + 4 * floats]))
        while v:
            op = v.pop(0)
            if op == 0:
                rings.append([])
            if op in (0, 1):
                rings[-1].append((int(v.pop(0)), int(v.pop(0))))
            else:
                assert op == 4
    else:
        assert kind == 8
        xy = struct.unpack(f">{2 * n}h", data[64:64 + 4 * n])
        rings = [[(x + left, y + top) for x, y in zip(xy[:n], xy[n:])]]
        if options & 128:
            v = struct.unpack(f">{2 * n}f", data[64 + 4 * n:64 + 12 * n])
            rings = [[(int(x), int(y)) for x, y in zip(v[:n], v[n:])]]
    return name, (top, left, bottom, right), rings


def check_rois(path, pixels):
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(set(names)) == len(names) == len(pixels)
        for entry, label in zip(names, sorted(pixels)):
            name, box, rings = read_roi(archive.read(entry))
            assert entry == name + ".roi"
            assert int(name.split("-")[0]) == label
            own = pixels[label]
            assert filled(rings) == own, (path, label)
            ys, xs = [y for y, _ in own], [x for _, x in own]
            want = (min(ys), min(xs), max(ys) + 1, max(xs) + 1)
            assert all((a - b) % 65536 == 0 for a, b in zip(box, want))


def check_table(path, pixels, pitch):
    with open(path, newline="") as f:
        rows = list(csv.DictReader(f))
    assert [int(r["label"]) for r in rows] == sorted(pixels)
    for r in rows:
        own = pixels[int(r["label"])]
        assert int(r["area"]) == len(own)
        assert int(r["bbox-0"]) == min(y for y, _ in own)
        assert int(r["bbox-3"]) == max(x for _, x in own) + 1
        assert ("area_um2" in r) == pitch
        if pitch:
            assert abs(float(r["area_um2"]) - len(own) / 8) < 1e-6
            assert abs(float(r["centroid_um-1"])
                       - float(r["centroid-1"]) / 4) < 1e-4


def main():
    folder = pathlib.Path(sys.argv[1])
    sets = sorted(folder.glob("[0-9]*.txt"))
    assert len(sets) >= 10, "test_export must run first"
    for path in sets:
        _, _, pixels = read_labels(path)
        check_geojson(path.with_suffix(".geojson"), pixels)
        check_rois(path.with_suffix(".zip"), pixels)
        check_table(path.with_suffix(".csv"), pixels, int(path.stem) % 2 == 1)
    print(f"{len(sets)} sets of exports read back")


main()
