"""One of several processes of the part `grid` of `gpu.py`: takes the next cell, and times it alone under a lock."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

import json
import sys
import time
from pathlib import Path

import filelock
import gpu_parts


def main(out, dataset, quick, end):
    place = gpu_parts.Place(Path(out), dataset, quick == "True", float(end) - time.time())
    data = place.data()
    cells = [gpu_parts.Cell(**cell) for cell in json.loads((place.out / "cells.json").read_text())]
    for number, cell in enumerate(cells):
        if place.over:
            return
        try:
            (place.out / f"cell-{end}-{number}").touch(exist_ok=False)
        except FileExistsError:  # Another process has taken it.
            continue
        gpu_parts.measure_cell(
            place, "grid", data, cell, 0.2 if place.quick else 1.0, alone=filelock.FileLock(place.out / "lock")
        )


main(*sys.argv[1:])
