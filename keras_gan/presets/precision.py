"""The precision that suits this machine."""

import logging
import statistics
import time
from pathlib import Path

import tensorflow as tf

logger = logging.getLogger(__name__)

# First compute capability of NVIDIA's cards whose tensor cores multiply bfloat16.
AMPERE = (8, 0)
# Flags of x86 processors that multiply bfloat16.
INSTRUCTIONS = {"avx512_bf16", "amx_bf16"}


def resolve_precision(precision: str) -> str:
    """Returns a Keras dtype policy.

    `auto` becomes `mixed_bfloat16` where the card or the processor has instructions for it, else `float32`; where it is
    not known what they have, products of matrices are timed. The log says which it is, and why.
    """
    if precision != "auto":
        return precision
    faster, why = _bfloat16_of_gpu() or _bfloat16_of_processor() or _bfloat16_by_timing()
    chosen = "mixed_bfloat16" if faster else "float32"
    logger.info("Precision %s: %s", chosen, why)
    return chosen


def _bfloat16_of_gpu():
    """Returns whether the first GPU multiplies bfloat16, and how that is known, or `None` if it is not."""
    for gpu in tf.config.list_physical_devices("GPU")[:1]:
        details = tf.config.experimental.get_device_details(gpu)
        if capability := details.get("compute_capability"):
            has = capability >= AMPERE
            return has, f"the GPU has {'' if has else 'no '}tensor cores for bfloat16"
    return None


def _bfloat16_of_processor(path="/proc/cpuinfo"):
    """Returns whether the processor multiplies bfloat16, and how that is known, or `None` if it is not."""
    if tf.config.list_physical_devices("GPU") or not Path(path).exists():
        return None
    lines = (line for line in Path(path).read_text().splitlines() if line.startswith("flags"))
    flags = set(next(lines, "").partition(":")[2].split())
    has = flags & INSTRUCTIONS
    return (bool(has), f"the processor has {'' if has else 'no '}instructions for bfloat16") if flags else None


def _bfloat16_by_timing(rounds=15):
    """Times products in float32 and bfloat16 in turn; the median ratio counts, so that other work slows both alike."""
    size = 4096 if tf.config.list_physical_devices("GPU") else 768
    matrices = [tf.ones((size, size), dtype) for dtype in ("float32", "bfloat16")]
    rows = [[_seconds(matrix) for matrix in matrices] for _ in range(rounds + 1)]
    ratio = statistics.median(bfloat16 / float32 for float32, bfloat16 in rows[1:])
    return ratio < 0.8, f"a product in bfloat16 takes {ratio:.2f} of the time of one in float32"


def _seconds(matrix):
    start = time.perf_counter()
    tf.matmul(matrix, matrix)[0, 0].numpy()
    return time.perf_counter() - start
