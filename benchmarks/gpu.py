"""What an accelerator makes of this library: speed, quality by time, exactness and memory.

    TFDS_DATA_DIR=... python benchmarks/gpu.py --dataset mnist --out gpu-figures
    TFDS_DATA_DIR=... python benchmarks/gpu.py --dataset mnist --out gpu-figures-2 --parts guard,profile,photos
    python benchmarks/gpu.py --quick                # small numbers, on any machine

Within six minutes an H200 gets through the first three or four parts, because XLA compiles a step for 15 to 25 s.

Prints a line as soon as it has it, and writes it to `figures.jsonl` in the folder, with pictures beside it. The parts
run in a process of their own: if TensorFlow ends it, or a part takes far too long, the rest goes on in a new one.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

import subprocess
import sys
import time
from pathlib import Path

import click
import figures

# Seconds after which a part begins nothing more; a part that takes far longer loses its process.
PARTS = {
    "device": 30,
    "speed": 80,
    "grid": 220,
    "pytorch": 60,
    "export": 15,
    "quality": 60,
    "guard": 70,
    "alone": 60,
    "exact": 80,
    "profile": 60,
    "photos": 80,
    "memory": 60,
}


@click.command()
@click.option("--dataset", default="digits", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default="gpu-figures", show_default=True)
@click.option("--parts", default=",".join(PARTS), show_default=True)
@click.option("--minutes", default=6.0, show_default=True, help="No part begins later.")
@click.option("--quick", is_flag=True, help="Few and small measurements.")
@click.option("--here", is_flag=True, hidden=True)
def main(dataset, out, parts, minutes, quick, here):
    wanted = parts.split(",")
    if unknown := set(wanted) - set(PARTS):
        raise click.UsageError(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    out.mkdir(parents=True, exist_ok=True)
    if here:
        import gpu_parts

        for part in wanted:
            gpu_parts.measure(part, gpu_parts.Place(out, dataset, quick, PARTS[part]))
        return
    (out / "figures.jsonl").write_text("")
    end = time.monotonic() + 60 * minutes
    while wanted:
        ended = _run(wanted, out, dataset, quick, end)
        for part in wanted[: len(ended) + 1]:
            if part not in ended:
                reason = "the process ended" if time.monotonic() < end else "no time was left"
                figures.write(out, part, {"failed": reason})
        wanted = wanted[len(ended) + 1 :] if time.monotonic() < end else []


def _run(parts, out, dataset, quick, end):
    """Runs parts in a process of their own; returns those that came to an end."""
    command = [sys.executable, __file__, "--here", "--parts", ",".join(parts), "--out", out, "--dataset", dataset]
    process = subprocess.Popen([*command, *(["--quick"] if quick else [])])
    ended, since = [], time.monotonic()
    while process.poll() is None:
        time.sleep(0.2)
        now_ended = _ended(parts, out)
        if now_ended != ended:
            ended, since = now_ended, time.monotonic()
        running = parts[min(len(ended), len(parts) - 1)]
        if time.monotonic() > min(since + 1.5 * PARTS[running] + 30, end + 30):
            process.kill()
            process.wait()
    return _ended(parts, out)


def _ended(parts, out):
    return [line["part"] for line in figures.read(out) if "seconds_of_part" in line and line["part"] in parts]


if __name__ == "__main__":
    main()
