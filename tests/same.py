"""What is one picture: sums in another order may round a pixel to the level beside it."""

import numpy as np


def same_images(first, second):
    """Fails unless two arrays of uint8 images are equal, but for one level in one of 1,000 pixels."""
    first, second = np.asarray(first), np.asarray(second)
    assert first.dtype == second.dtype == np.uint8
    assert first.shape == second.shape
    levels = np.abs(first.astype(int) - second)
    assert levels.max() <= 1, f"pixels differ by up to {levels.max()} levels"
    assert np.count_nonzero(levels) <= max(1, levels.size // 1000), f"{np.count_nonzero(levels)} pixels differ"
