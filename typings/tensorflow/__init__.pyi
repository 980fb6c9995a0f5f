# Pyright comes with types of TensorFlow that lack much of it (tf.random.experimental) and contradict it in other places
# (tf.Variable takes no float). This file replaces them: everything of TensorFlow is `Any`.
from typing import Any

def __getattr__(name: str) -> Any: ...
