"""Uniform numbers of many seeds at once.

`tf.random.stateless_uniform` takes one seed. A loop over the rows of a batch took ten times as long as the numbers
themselves, so the same bits are computed here for all rows together.
"""

import numpy as np
import tensorflow as tf

from keras_gan.types import Tensor

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
# What is added to the two words of the key after each round.
WEYL = (0x9E3779B9, 0xBB67AE85)
# The key with which TensorFlow scrambles a seed.
SCRAMBLE = (0x3EC8F720, 0x02461E29)
LOW = np.uint64(0xFFFFFFFF)


def uniform_of_seeds(seeds: Tensor, width: int) -> Tensor:
    """Draws what `tf.random.stateless_uniform((width,), (seed, 0), minval=-1, maxval=1, alg="philox")` draws.

    Args:
        seeds: int64 `(N,)`.
        width: how many numbers are drawn for each seed.

    Returns:
        float32 tensor `(N, width)` in [-1, 1).

    Source: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011, section 3.3 (Philox4x32-10).
    """
    words = tf.bitcast(seeds, tf.uint64)[:, tf.newaxis]
    nothing = tf.zeros((1, 1), tf.uint64)
    mixed = _philox((_low(words), _high(words), nothing, nothing), [tf.constant(word, tf.uint64) for word in SCRAMBLE])
    # Each count gives four numbers.
    counts = tf.constant(np.arange(-(-width // 4), dtype="uint64")[np.newaxis])
    drawn = tf.stack(_philox((counts, nothing, *mixed[2:]), mixed[:2]), axis=-1)
    drawn = tf.cast(tf.reshape(drawn, (-1, 4 * counts.shape[1]))[:, :width], tf.uint32)
    # 23 random bits behind the exponent of 1 are a number in [1, 2).
    mantissa = tf.bitwise.bitwise_and(drawn, tf.constant(0x7FFFFF, tf.uint32))
    ones = tf.bitcast(tf.bitwise.bitwise_or(mantissa, tf.constant(127 << 23, tf.uint32)), tf.float32)
    return 2.0 * (ones - 1.0) - 1.0


def _philox(counter, key):
    """Encrypts counters of four words by keys of two; words are uint64 tensors below 2^32 that broadcast together."""
    first, second, third, fourth = counter
    for number in range(ROUNDS):
        keys = [_low(word + np.uint64(number * step & 0xFFFFFFFF)) for word, step in zip(key, WEYL)]
        left, right = first * np.uint64(MULTIPLIERS[0]), third * np.uint64(MULTIPLIERS[1])
        first, third = _xor(_high(right), second, keys[0]), _xor(_high(left), fourth, keys[1])
        second, fourth = _low(right), _low(left)
    return first, second, third, fourth


def _low(words):
    return tf.bitwise.bitwise_and(words, LOW)


def _high(words):
    return tf.bitwise.right_shift(words, np.uint64(32))


def _xor(one, two, three):
    return tf.bitwise.bitwise_xor(tf.bitwise.bitwise_xor(one, two), three)
