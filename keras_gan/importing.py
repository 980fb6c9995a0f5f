"""Python files of the user's, imported for what they register."""

import importlib.util
import sys
import traceback
from pathlib import Path

from keras_gan.errors import UserError
from keras_gan.types import StrPath


def import_file(path: StrPath) -> None:
    """Imports a Python file, so that what it registers with Keras and with this package counts from now on.

    Args:
        path: a `.py` file. Its folder joins the places where Python looks for modules.

    Raises:
        UserError: if it is no Python file, or raises anything.
    """
    path = Path(path).resolve()
    spec = importlib.util.spec_from_file_location(f"imported_{path.stem}", path)
    if path.suffix != ".py" or spec is None or spec.loader is None:
        raise UserError(f"cannot import {path}: it is no Python file, FILE.py")
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[spec.name]
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = getattr(error, "lineno", None) or (lines[-1] if lines else None)
        where = f"{path}, line {line}" if line else path
        what = " ".join(traceback.format_exception_only(error)[-1].split())
        raise UserError(f"cannot import {where}: {what}") from error
