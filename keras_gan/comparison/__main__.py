"""python -m keras_gan.comparison FOLDER [FILE.py ...]: one run of a comparison, as `compare` starts it."""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from keras_gan.comparison.worker import work
from keras_gan.errors import UserError
from keras_gan.importing import import_file

if __name__ == "__main__":
    try:
        folder, *files = sys.argv[1:]
        for file in files:
            import_file(file)
        work(Path(folder))
    except UserError as error:
        sys.exit(str(error))
