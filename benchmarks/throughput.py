"""Images per second of training, beside PyTorch with the same networks and settings.

    pip install -e ".[bench]" && python benchmarks/throughput.py
    python benchmarks/throughput.py --case dcgan --profile                 # where the time of a step goes

Each way to train is a process of its own, and they take turns, one window of steps at a time, so that whatever slows
the machine slows all alike. The data are 60,000 random images of 28 x 28 in memory. Ours is `kg.train` with everything
that a user has: shuffling, progress bar, watch, samples, checkpoints. PyTorch has no callbacks. Prints medians, ratios
to PyTorch, and the share of the roofline: the least time that the step's products take at this machine's measured peak,
plus its update at the measured bandwidth.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import contextlib
import json
import statistics
import subprocess
import sys
from pathlib import Path

import click
import throughput_ours

HERE = Path(__file__).parent
# Preset, number of classes, and whether in bfloat16.
CASES = {
    "mlp": ("mlp", 0, False),
    "mlp-cgan": ("mlp", 10, False),
    "dcgan": ("dcgan", 10, False),
    "dcgan-bfloat16": ("dcgan", 10, True),
}


class Process:
    """A training that makes a window of steps when it is told to."""

    def __init__(self, script, **settings):
        command = [sys.executable, HERE / script, json.dumps(settings)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        if self.process.stdout.readline().strip() != "ready":
            raise click.ClickException(f"{script} {settings}: {self.process.communicate()[1][-1000:]}")

    def milliseconds(self, steps: int) -> float:
        """Makes so many steps, and returns the milliseconds of one."""
        print(steps, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def end(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.kill()
        self.process.wait()


def contenders(case: str, compiled: bool) -> dict[str, Process]:
    """Starts ours and PyTorch's ways to train a case."""
    preset, classes, bfloat16 = CASES[case]
    precision = "mixed_bfloat16" if bfloat16 else "float32"
    found = {"ours": Process("throughput_ours.py", preset=preset, classes=classes, precision=precision)}
    twin = {"preset": preset, "classes": classes, "bfloat16": False, "fused": False, "compiled": False}
    ways = {"PyTorch": {}, "PyTorch, fused Adam": {"fused": True}}
    if compiled:
        ways["PyTorch, fused Adam, compiled"] = {"fused": True, "compiled": True}
    if bfloat16:
        ways = {f"{name}, bfloat16": {**way, "bfloat16": True} for name, way in ways.items()} | {"PyTorch": {}}
    for name, way in ways.items():
        try:
            found[name] = Process("throughput_pytorch.py", **{**twin, **way})
        except click.ClickException as error:
            print(f"{case}: {name} does not run: {error.message.splitlines()[-1]}")
    return found


def measure(case: str, rounds: int, steps: int, compiled: bool) -> dict[str, list[float]]:
    """Returns the milliseconds of a step, a list for each way to train, one number a round."""
    ways = contenders(case, compiled)
    try:
        times = {name: [] for name in ways}
        for number in range(rounds + 1):
            names = list(ways) if number % 2 else list(ways)[::-1]
            for name in names:
                milliseconds = ways[name].milliseconds(steps)
                if number:  # The first round warms up.
                    times[name].append(milliseconds)
    finally:
        for way in ways.values():
            way.end()
    return times


def report(case: str, times: dict[str, list[float]], floor: float, gigaflop: float, batch: int = 64) -> None:
    """Prints a line for each way: milliseconds, spread, images/s, ratio to ours, GFLOP/s, share of the roofline."""
    for name, values in times.items():
        middle = statistics.median(values)
        spread = (max(values) - min(values)) / middle
        ratio = statistics.median(other / own for other, own in zip(values, times["ours"]))
        print(
            f"{case:15} {name:32} {middle:7.2f} ms  spread {spread:4.0%}  {1e3 * batch / middle:7,.0f} images/s  "
            f"ours is {ratio:4.2f} x as fast  {1e3 * gigaflop / middle:5.0f} GFLOP/s  {1e3 * floor / middle:4.0%} of "
            "the roofline",
            flush=True,
        )


@click.command()
@click.option("--case", "cases", multiple=True, type=click.Choice(list(CASES)), default=list(CASES), show_default=True)
@click.option("--rounds", default=7, show_default=True)
@click.option("--steps", default=96, show_default=True, help="Steps in a window.")
@click.option("--compiled/--eager", default=False, show_default=True, help="Whether torch.compile takes part.")
@click.option("--profile", is_flag=True, help="Show where the time of our step goes instead.")
def main(cases, rounds, steps, compiled, profile):
    for case in cases:
        preset, classes, bfloat16 = CASES[case]
        precision = "mixed_bfloat16" if bfloat16 else "float32"
        if profile:
            throughput_ours.profile(preset, classes, precision)
            continue
        times = measure(case, rounds, steps, compiled)
        floor, gigaflop = throughput_ours.roofline_of(preset, classes, precision)
        report(case, times, floor, gigaflop)


if __name__ == "__main__":
    main()
