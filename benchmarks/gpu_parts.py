"""The parts of `gpu.py`: each measures one thing and prints a line for each figure."""

import collections
import contextlib
import dataclasses
import gc
import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import figures as written
import keras
import numpy as np
import roofline
import tensorflow as tf

import keras_gan as kg
from keras_gan import metrics
from keras_gan.pictures import image_grid, save_png

tf.get_logger().setLevel("ERROR")
BENCHMARKS = Path(__file__).parent
COMMAND = BENCHMARKS.parent / "cli.py"
PRECISIONS = {
    "float32": ("float32", False),
    "tf32": ("float32", True),
    "bfloat16": ("mixed_bfloat16", True),
    "float16": ("mixed_float16", True),
}


@dataclasses.dataclass
class Place:
    """Where a part measures: its folder, the data, whether to be quick, and how many seconds it has."""

    out: Path
    dataset: str
    quick: bool
    seconds: float

    def __post_init__(self):
        self.begin = time.monotonic()

    @property
    def over(self) -> bool:
        return time.monotonic() > self.begin + self.seconds

    def data(self):
        return kg.datasets.load(self.dataset)

    def write(self, part, **figures):
        written.write(self.out, part, figures)


def measure(part: str, place: Place) -> None:
    """Runs a part; a failure becomes a line too."""
    try:
        globals()[part](place)
    except Exception as error:  # Whatever goes wrong, the other parts must be measured.
        place.write(part, failed=f"{type(error).__name__}: {error}"[:2000])
    place.write(part, seconds_of_part=round(time.monotonic() - place.begin, 1))
    keras.backend.clear_session()
    gc.collect()


def device(place):
    """Versions, devices, and the two measured ceilings."""
    build = tf.sysconfig.get_build_info()
    place.write(
        "device", tensorflow=tf.__version__, keras=keras.__version__, numpy=np.__version__, keras_gan=kg.__version__
    )
    place.write("device", cuda=str(build.get("cuda_version")), cudnn=str(build.get("cudnn_version")))
    for gpu in tf.config.list_physical_devices("GPU"):
        place.write(
            "device", **{key: str(value) for key, value in tf.config.experimental.get_device_details(gpu).items()}
        )
    size = 8192 if on_gpu() else 512
    for name, (policy, tf32) in PRECISIONS.items():
        tf.config.experimental.enable_tensor_float_32_execution(tf32)
        flops = roofline.peak(roofline.policy_dtype(policy), size)
        place.write("device", precision=name, tflops=flops / 1e12)
    place.write("device", gigabytes_per_second=roofline.bandwidth(2048 if on_gpu() else 64) / 1e9)
    from keras_gan.presets import resolve_precision

    place.write("device", precision_auto=resolve_precision("auto"))


def on_gpu() -> bool:
    return bool(tf.config.list_physical_devices("GPU"))


@dataclasses.dataclass(frozen=True)
class Cell:
    """One way to train: what, in which batches, and how it is compiled."""

    preset: str
    batch: int
    precision: str = "bfloat16"
    xla: bool = True
    together: int = 1  # steps_per_execution


class EpochTimes(keras.callbacks.Callback):
    """The time at which each epoch ended, which is after the device has computed it."""

    def __init__(self):
        super().__init__()
        self.times = []

    def on_epoch_end(self, epoch, logs=None):
        self.times.append(time.perf_counter())


class FirstStep(keras.callbacks.Callback):
    """The time at which the first step was handed to the device, compiled."""

    time = None

    def on_train_batch_end(self, batch, logs=None):
        self.time = self.time or time.monotonic()


def build(cell: Cell, image_shape, num_classes):
    policy, tf32 = PRECISIONS[cell.precision]
    tf.config.experimental.enable_tensor_float_32_execution(tf32)
    config = kg.presets.preset(cell.preset).replace(
        conditional=True, batch_size=cell.batch, precision=policy, schedule="constant"
    )
    gan = kg.presets.build(config, image_shape, num_classes)
    together = {"jit_compile": cell.xla, "steps_per_execution": cell.together}
    gan.compile_from_config({**gan.get_compile_config(), **together})
    return gan


def throughput(gan, data, cell: Cell, seconds: float, alone=contextlib.nullcontext()) -> dict:  # noqa: B008
    """Measures `fit`: seconds to the end of the first execution, and then, within the context `alone`, of a step."""

    def fit(executions, epochs):
        times, batches = EpochTimes(), data.batches(cell.batch)
        steps = executions * cell.together
        gan.fit(batches, steps_per_epoch=steps, epochs=epochs, verbose=0, shuffle=False, callbacks=[times])
        return np.diff(times.times) / steps

    start = time.perf_counter()
    fit(1, 1)
    first = time.perf_counter() - start
    with alone:
        step = min(fit(2, 3))
        # An epoch is long enough to hide what comes between epochs.
        steps = fit(max(2, round(seconds / 4 / step / cell.together)), 5)
    return {"step": statistics.median(steps), "spread": float(np.ptp(steps) / np.median(steps)), "first": first}


def measure_cell(place, part, data, cell: Cell, seconds: float, ceilings=None, **how) -> None:
    gan = build(cell, data.image_shape, data.num_classes)
    figures = dataclasses.asdict(cell)
    try:
        found = throughput(gan, data, cell, seconds, **how)
    except Exception as error:  # One way to train must not end the others.
        place.write(part, **figures, failed=f"{type(error).__name__}: {error}"[:1500])
        return
    figures |= {"images_per_second": cell.batch / found["step"], "milliseconds": 1e3 * found["step"]}
    figures |= {"spread": found["spread"], "first_seconds": found["first"]}
    if ceilings:
        floor = roofline.floor_seconds(gan, cell.batch, ceilings[cell.precision], ceilings["bandwidth"])
        figures["share_of_roofline"] = floor / found["step"]
        figures["tflops"] = roofline.step_flops(gan, cell.batch) / found["step"] / 1e12
    if on_gpu():
        figures["gpu_megabytes"] = tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**20
        tf.config.experimental.reset_memory_stats("GPU:0")
    place.write(part, **figures)
    del gan
    keras.backend.clear_session()
    gc.collect()


def _ceilings(place):
    """Reads what the part `device` measured."""
    lines = written.read(place.out)
    found = {
        line["precision"]: 1e12 * line["tflops"] for line in lines if line["part"] == "device" and "tflops" in line
    }
    rates = [1e9 * line["gigabytes_per_second"] for line in lines if "gigabytes_per_second" in line]
    return {**found, "bandwidth": rates[-1]} if rates and len(found) == len(PRECISIONS) else None


def _batches(place):
    return (8, 16) if place.quick else (1024, 64, 4096, 256)


def speed(place):
    """The cells that matter most, with nothing beside them."""
    data, ceilings = place.data(), _ceilings(place)
    batches = _batches(place)
    together = 8 if place.quick else 32
    cells = [
        Cell("dcgan", batches[0], together=together),
        Cell("dcgan", batches[1], together=together),
        Cell("mlp", batches[1], together=together),
    ]
    for cell in cells:
        if place.over:
            return place.write("speed", not_reached=str(cell))
        measure_cell(place, "speed", data, cell, 0.2 if place.quick else 1.2, ceilings)
    return None


def alone(place):
    """Steps on a batch that is on the device already, without `fit`: one by one, and 32 in one program of XLA."""
    data, batch = place.data(), _batches(place)[1]
    images, labels = (tf.constant(values[:batch]) for values in (data.images, data.labels))
    for together in (1, 4 if place.quick else 32):
        gan = build(Cell("dcgan", batch), data.image_shape, data.num_classes)

        def steps(gan=gan, together=together):
            if together == 1:
                return gan.train_step((images, labels))["d_loss"]
            loop = lambda k, loss: (k + 1, gan.train_step((images, labels))["d_loss"])  # noqa: E731
            return tf.while_loop(lambda k, loss: k < together, loop, (0, 0.0))

        program = tf.function(steps, jit_compile=True, autograph=False)
        start = time.perf_counter()
        program()
        first = time.perf_counter() - start
        count = (4 if place.quick else 320) // together
        times = []
        for _ in range(3):
            tf.test.experimental.sync_devices()
            start = time.perf_counter()
            for _ in range(count):
                program()
            tf.test.experimental.sync_devices()
            times.append((time.perf_counter() - start) / count / together)
        milliseconds = 1e3 * statistics.median(times)
        figures = {"step_alone_milliseconds": milliseconds, "first_seconds": first}
        place.write("alone", preset="dcgan", batch=batch, in_one_program=together, **figures)


def grid(place):
    """All cells, several processes at once, so that one compiles while another is timed."""
    if place.quick:
        cells = [Cell("mlp", 8, "float16", xla=False), Cell("mlp", 8, "float32", xla=False)]
    else:
        cells = [
            Cell(preset, batch, precision, xla, together)
            for together in (32, 1)
            for precision in ("bfloat16", "float32", "tf32", "float16")
            for xla in (True, False)
            for batch in _batches(place)
            for preset in ("dcgan", "mlp")
        ]
    workers = 1 if place.quick else 8
    end = time.time() + place.seconds
    path = place.out / "cells.json"
    path.write_text(json.dumps([dataclasses.asdict(cell) for cell in cells]))
    arguments = [str(place.out), place.dataset, str(place.quick), str(end)]
    processes = [subprocess.Popen([sys.executable, BENCHMARKS / "gpu_grid.py", *arguments]) for _ in range(workers)]
    for process in processes:
        process.wait()


def quality(place):
    """Runs of `kg.train` with all its callbacks: seconds from the call to the finished model, and its FCD."""
    train, test, _ = kg.datasets.load_with_held_out(place.dataset)
    extractor = metrics.dataset_classifier(train)
    reference = metrics.statistics_of(extractor(train.images)[0])
    num = 500 if place.quick else 10_000
    real = metrics.frechet_distance(reference, metrics.statistics_of(extractor(test.images[:num])[0]))
    place.write("quality", real_fcd=float(real), real_images=min(num, len(test)), extractor=extractor.hash)
    labels = metrics.draw_labels(train, num, 0)
    runs = [("quick", 32, 4), ("dcgan", 256, 8), ("dcgan", 64, 8), ("dcgan", 64, 20)]
    for number, (preset, batch, epochs) in enumerate([("quick", 32, 1)] if place.quick else runs):
        if place.over:
            break
        start = time.monotonic()
        settings = {"epoch_steps": 5, "minutes": None} if place.quick else {"minutes": None}
        session = kg.train(
            preset,
            train,
            conditional=True,
            batch_size=batch,
            epochs=epochs,
            run_dir=place.out / "runs" / f"{os.getpid()}-{number}",
            callbacks=[first_step := FirstStep()],
            **settings,
        )
        seconds = time.monotonic() - start
        images = session.model.generate(num, labels, seed=10**6)
        features, probabilities = extractor(images)
        place.write(
            "quality",
            preset=preset,
            batch=batch,
            epochs=epochs,
            steps=int(session.model.step),
            precision=session.config.precision,
            seconds=seconds,
            seconds_to_first_step=first_step.time - start,
            fcd=float(metrics.frechet_distance(reference, metrics.statistics_of(features))),
            label_accuracy=float(np.mean(probabilities.argmax(1) == labels)),
        )
        save_png(place.out / f"{train.name}-{preset}-{batch}-{epochs}.png", image_grid(images[:100], 10))


def pytorch(place):
    """The same networks in PyTorch, eager, in bfloat16, with its data on the device."""
    from throughput import Process

    large, small = _batches(place)[:2]
    for preset, batch in (("dcgan", large), ("dcgan", small), ("mlp", small)):
        for fused in (True, False):
            way = {"preset": preset, "batch": batch, "fused": fused}
            device = "cuda" if on_gpu() else "cpu"
            process = Process("throughput_pytorch.py", **way, classes=10, bfloat16=True, compiled=False, device=device)
            times = [process.milliseconds(2 if place.quick else 150) for _ in range(4)][1:]
            process.end()
            milliseconds = statistics.median(times)
            place.write("pytorch", **way, images_per_second=1e3 * batch / milliseconds, milliseconds=milliseconds)


def photos(place):
    """Conditional training on pieces of two photographs at 64 x 64 and 128 x 128, with a picture."""
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(0)
    for size, batch in ((16, 8),) if place.quick else ((64, 64), (128, 64)):
        pieces, labels = [], np.repeat([0, 1], 40 if place.quick else 1000)
        originals = load_sample_images().images
        for label in labels:
            top, left = (rng.integers(0, side - size + 1) for side in originals[label].shape[:2])
            pieces.append(originals[label][top : top + size, left : left + size])
        data = kg.datasets.from_arrays(np.stack(pieces), labels, ["temple", "flower"], f"photos{size}")
        cell = Cell("dcgan", batch, xla=not place.quick)
        measure_cell(place, "photos", data, cell, 0.2 if place.quick else 1.5, _ceilings(place))
        start = time.monotonic()
        session = kg.train(
            "dcgan",
            data,
            conditional=True,
            epochs=1,
            epoch_steps=2 if place.quick else 2000,
            minutes=None,
            hold_out=0,
            run_dir=place.out / "runs" / f"{os.getpid()}-{size}",
        )
        place.write(
            "photos",
            size=size,
            steps=int(session.model.step),
            seconds=time.monotonic() - start,
            precision=session.config.precision,
            state=session.state,
        )
        save_png(place.out / f"photos-{size}.png", image_grid(session.model.generate(32, seed=1), 8))


def export(place):
    """Latency and rate of the exported SavedModel."""
    data = place.data()
    gan = build(Cell("dcgan", 64, "float32"), data.image_shape, data.num_classes)
    start = time.monotonic()
    gan.export(place.out / "runs" / f"{os.getpid()}-saved")
    place.write("export", seconds=time.monotonic() - start)
    generate = tf.saved_model.load(str(place.out / "runs" / f"{os.getpid()}-saved")).signatures["serving_default"]
    for batch in (1, 16, 256):
        seeds = tf.range(batch, dtype="int64")
        labels = seeds % data.num_classes
        times = []
        for _ in range(10 if place.quick else 200):
            start = time.perf_counter()
            generate(seed=seeds, label=labels)["image"].numpy()
            times.append(time.perf_counter() - start)
        median, worst = 1e3 * statistics.median(times), 1e3 * float(np.quantile(times[5:], 0.99))
        place.write("export", batch=batch, median_ms=median, p99_ms=worst, images_per_second=1e3 * batch / median)


def exact(place):
    """Whether two runs have the same bits, and a run that was resumed those of one that was not."""
    from kill_test import state

    folder = place.out / "runs" / f"{os.getpid()}-exact"
    base = [sys.executable, COMMAND, "train", "--dataset", place.dataset, "--conditional", "--export-dir", "out"]
    base += ["--set", "schedule=constant", "--set", f"epoch_steps={10 if place.quick else 100}", "--run-dir", "run"]

    def start(name, *arguments):
        (folder / name).mkdir(parents=True, exist_ok=True)
        with open(folder / name / "log", "a") as log:
            return subprocess.Popen([*base, *arguments], cwd=folder / name, stdout=log, stderr=subprocess.STDOUT)

    exactly = ["--deterministic", "--epochs", "2"]
    policy = ["--set", "precision=mixed_bfloat16"]
    plans = {
        "first": exactly,
        "second": exactly,
        "resumed": ["--deterministic", "--epochs", "1"],
        **({} if place.quick else {"bfloat16": [*exactly, *policy], "bfloat16-2": [*exactly, *policy]}),
    }
    processes = {name: start(name, *arguments) for name, arguments in plans.items()}
    codes = {name: process.wait() for name, process in processes.items()}
    codes["resumed again"] = start("resumed", "--epochs", "2", "--resume").wait()
    failed = {name: code for name, code in codes.items() if code}
    for name, code in failed.items():
        log = (folder / name.split()[0] / "log").read_text()
        place.write("exact", run=name, exit_status=code, log=log[-1500:])

    def same(one, other):
        one, other = state(folder / one), state(folder / other)
        return len(one) == len(other) and all(a == b for a, b in zip(one, other))

    pairs = {"deterministic": ("first", "second"), "resumed": ("first", "resumed")}
    pairs["deterministic_bfloat16"] = ("bfloat16", "bfloat16-2")
    for title, pair in pairs.items():
        if not {name.split()[0] for name in failed} & set(pair) and set(pair) <= set(plans):
            place.write("exact", runs=title, same_bits=same(*pair))


def guard(place):
    """The cost of skipping steps that are not finite."""
    _script(place, "guard", "guard_cost.py", "--preset", "dcgan", "--rounds", "1" if place.quick else "8")


def memory(place):
    """Whether memory grows during a run with every callback."""
    _script(place, "memory", "memory.py", "--steps", "400")


def _script(place, part, name, *arguments):
    done = subprocess.run([sys.executable, BENCHMARKS / name, *arguments], capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        place.write(part, says=line)
    if done.returncode:
        place.write(part, exit_status=done.returncode, log=done.stderr[-1500:])


def profile(place):
    """Where the time of a step goes: kernels on the device, and operations that stayed on the processor."""
    data = place.data()
    for cell in (
        [Cell("dcgan", 8)]
        if place.quick
        else [Cell("dcgan", 64), Cell("dcgan", 1024), Cell("mlp", 64), Cell("dcgan", 64, xla=False)]
    ):
        gan = build(cell, data.image_shape, data.num_classes)
        if not cell.xla:
            place.write("profile", **dataclasses.asdict(cell), on_processor=_on_processor(gan, data, cell))
        gan.fit(data.batches(cell.batch), steps_per_epoch=5, epochs=2, verbose=0, shuffle=False)
        folder = place.out / "runs" / f"{os.getpid()}-{cell.preset}-{cell.batch}-{cell.xla}"
        steps = 5 if place.quick else 50
        tf.profiler.experimental.start(str(folder))
        gan.fit(data.batches(cell.batch), steps_per_epoch=steps, epochs=1, verbose=0, shuffle=False)
        tf.profiler.experimental.stop()
        for plane, figures in _planes(folder, steps).items():
            place.write("profile", **dataclasses.asdict(cell), plane=plane, **figures)


def _planes(folder, steps):
    """Sums the events of a trace by plane and line: microseconds a step, and the longest kinds of event."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    found = {}
    for path in folder.rglob("*.xplane.pb"):
        space = xplane_pb2.XSpace.FromString(path.read_bytes())
        for plane in space.planes:
            for line in plane.lines:
                totals, counts = collections.Counter(), collections.Counter()
                for event in line.events:
                    name = re.sub(r"[.\d_]+$", "", plane.event_metadata[event.metadata_id].name)[:90]
                    totals[name] += event.duration_ps / 1e6 / steps
                    counts[name] += 1
                if not totals:
                    continue
                first = min(event.offset_ps for event in line.events)
                last = max(event.offset_ps + event.duration_ps for event in line.events)
                top = {
                    name: [round(total, 2), round(counts[name] / steps, 1)] for name, total in totals.most_common(12)
                }
                found[f"{plane.name} {line.name}"] = {
                    "microseconds_a_step": round(sum(totals.values()), 1),
                    "span_a_step": round((last - first) / 1e6 / steps, 1),
                    "events_a_step": round(sum(counts.values()) / steps, 1),
                    "longest": top,
                }
    busiest = sorted(found, key=lambda name: -found[name]["microseconds_a_step"])
    return {name: found[name] for name in busiest if "GPU" in name or name in busiest[:3]}


def _on_processor(gan, data, cell):
    """Names the operations of a step that TensorFlow placed on the processor, with how many there are."""
    from tensorflow.python.eager import context

    step = tf.function(gan.train_step, autograph=False)
    images, labels = (tf.constant(values[: cell.batch]) for values in (data.images, data.labels))
    context.context().enable_graph_collection()
    step((images, labels))
    graphs = context.context().export_run_metadata().partition_graphs
    context.context().disable_graph_collection()
    counts = collections.Counter(node.op for graph in graphs for node in graph.node if "CPU" in node.device)
    plain = {"_Arg", "_Retval", "_Send", "_Recv", "_HostRecv", "_HostSend", "Const", "NoOp", "Identity"}
    return {name: count for name, count in counts.most_common() if name not in plain}
