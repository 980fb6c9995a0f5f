"""python -m keras_gan.comparison FOLDER: one run of a comparison, as `compare` starts it."""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from keras_gan.comparison.worker import work
from keras_gan.errors import UserError

if __name__ == "__main__":
    try:
        work(Path(sys.argv[1]))
    except UserError as error:
        sys.exit(str(error))
