"""Figures of a benchmark: each is printed, and becomes a line of `figures.jsonl`, as soon as it is known."""

import json
from pathlib import Path


def write(folder: Path, part: str, figures: dict) -> None:
    """Prints figures of a part, and adds them to the file."""
    with open(folder / "figures.jsonl", "a") as file:
        file.write(json.dumps({"part": part, **figures}) + "\n")
    shown = "  ".join(f"{key}={_text(value)}" for key, value in figures.items())
    print(f"{part:8} {shown}", flush=True)


def read(folder: Path) -> list[dict]:
    """Returns all figures so far, oldest first; a line that is being written does not count."""
    lines = (folder / "figures.jsonl").read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _text(value):
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
