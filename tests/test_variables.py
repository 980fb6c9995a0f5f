"""`variables`: counters and numbers; those of two replicas are tested in `test_replicas.py`."""

import keras
import numpy as np

from keras_gan.callbacks.stateful import Interval
from keras_gan.variables import Counter, copies, number


def test_a_counter_is_an_integer_to_all():
    counter = Counter("step")
    counter.assign_add(3)
    assert int(counter) == 3
    assert keras.backend.standardize_dtype(counter.dtype) == "int64"
    assert not counter.trainable


def test_numbers_and_copies():
    variable = keras.Variable(0.25)
    assert number(variable) == number(variable + 0.0) == 0.25
    (copy,) = copies(variable)
    copy.assign(0.5)
    assert number(variable) == 0.5


def test_intervals_are_passed_at_the_same_steps_wherever_one_begins():
    for executed in (1, 3, 7):
        steps = np.arange(0, 85, executed)
        for begun in (0, len(steps) // 2):
            interval = Interval(5)
            interval.begin(int(steps[begun]))
            passed = [interval.passed(int(step)) for step in steps[begun + 1 :]]
            assert passed == list(np.diff(steps[begun:] // 5))
