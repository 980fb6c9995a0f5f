"""Types of arguments and results that are no classes of this package."""

import os
from typing import Any

# A tensor of TensorFlow, or a symbolic tensor of Keras while a functional model is built. It is `Any`, because a type
# checker infers nothing useful from the source of these libraries: operations return what the backend returns.
Tensor = Any
StrPath = str | os.PathLike[str]
# The logs that Keras gives to a callback.
Logs = dict[str, Any] | None
