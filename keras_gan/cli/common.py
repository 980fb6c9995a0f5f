"""Helpers that the commands share."""

import contextlib
import importlib
import logging
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from keras_gan.errors import UserError
from keras_gan.types import StrPath

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# The package needs this one, and a shell may have set another for other programs.
os.environ["KERAS_BACKEND"] = "tensorflow"

# Largest number of samples that a command makes: it holds them all in memory.
MOST_SAMPLES = 1_000_000


class Positive(click.FloatRange):
    """A number above 0 that is finite: to click, NaN is in every range."""

    def __init__(self, max: float | None = None) -> None:
        super().__init__(min=0, max=max, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = super().convert(value, param, ctx)
        return number if math.isfinite(number) else self.fail(f"{value} is not a finite number.", param, ctx)


class OneLineErrors(click.Group):
    """Reports a user's mistake as one line on stderr; with KERAS_GAN_TRACEBACK=1, as a traceback."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["standalone_mode"] = False
        with messages_shown():
            return self._main(*args, **kwargs)

    def _main(self, *args, **kwargs):
        if os.environ.get("KERAS_GAN_TRACEBACK"):
            return super().main(*args, **kwargs)
        try:
            sys.exit(super().main(*args, **kwargs) or 0)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(2)
        except click.ClickException as error:
            self._stop(error.format_message(), error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            self._stop("interrupted", 130)
        except OSError as error:
            self._stop(f"{error.strerror}: {error.filename}" if error.filename else str(error), 1)
        except UserError as error:
            self._stop(str(error), 1)
        except Exception as error:
            # By name, because TensorFlow may not be imported.
            if not {"MemoryError", "ResourceExhaustedError"} & {kind.__name__ for kind in type(error).__mro__}:
                raise
            self._stop("out of memory: try a smaller --batch-size, or smaller images or networks", 1)

    def _stop(self, message, status):
        click.echo(f"Error: {' '.join(message.split())}", err=True)
        sys.exit(status)


@contextlib.contextmanager
def messages_shown() -> Iterator[None]:
    """Prints what the package logs within the context, and marks warnings as such."""
    logger, handler = logging.getLogger("keras_gan"), _Echo()
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False  # Other packages give the root logger a handler, which would print it all again.
    try:
        yield
    finally:
        logger.removeHandler(handler)
        level, logger.propagate = before
        logger.setLevel(level)


class _Echo(logging.Handler):
    def emit(self, record):
        # The cursor may stand at the end of a progress bar.
        start = "\n" if record.levelno > logging.INFO and sys.stdout.isatty() else ""
        warning = "Warning: " if record.levelno > logging.INFO else ""
        click.echo(f"{start}{warning}{record.getMessage()}")


def load_tensorflow() -> None:
    """Imports TensorFlow and hides its notices on stderr, which no setting turns off (tensorflow#100442)."""
    logging.getLogger("absl").setLevel(logging.ERROR)
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            importlib.import_module("tensorflow")
        except Exception:
            aside.seek(0)
            os.write(stderr, aside.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def import_option(exposed: bool = False) -> Callable[[Callable], Callable]:
    """Decorator that gives a command the option --import, whose files are imported before the command runs.

    Args:
        exposed: whether the command gets the files, as its argument `imports`.
    """
    return click.option(
        "--import",
        "imports",
        metavar="FILE.py",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        multiple=True,
        callback=_import_all,
        expose_value=exposed,
        help="Import a Python file first: what it registers with Keras, or as a family, loss or penalty, then counts.",
    )


def _import_all(context, option, files):
    if files:
        load_tensorflow()
        from keras_gan.importing import import_file

        with usage_errors():
            for file in files:
                import_file(file)
    return files


@contextlib.contextmanager
def usage_errors() -> Iterator[None]:
    """Turns a `UserError` within the context into a mistake in the arguments, whose exit status is 2."""
    try:
        yield
    except UserError as error:
        raise click.UsageError(str(error)) from error


def check_writable(folder: StrPath) -> None:
    """Raises a usage error now, rather than after the work, if a folder cannot be written."""
    from keras_gan.storage import files

    with usage_errors():
        files.check_writable(folder)


def check_output(output: str, suffixes: Sequence[str], or_folder: bool = False) -> Path:
    """Returns the path of --output; raises a usage error now, rather than after the work, if it cannot be written."""
    path = Path(output)
    folder = output.endswith(("/", os.sep)) or path.is_dir() or not path.suffix
    if folder and path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise click.UsageError(f"{path} is not an empty folder")
    if not (or_folder if folder else path.suffix in suffixes):
        known = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}{', or be a folder' if or_folder else ''}"
        raise click.UsageError(f"--output must end in {known}, got {output}")
    check_writable(path.parent)
    return path


def check_file(path: Path, suffix: str | None = None) -> None:
    """Raises a usage error now, rather than after the work, if a file cannot be written or its name does not fit."""
    if path.is_dir() or (suffix and path.suffix != suffix):
        raise click.UsageError(f"{path} is not the name of a file" + (f" that ends in {suffix}" if suffix else ""))
    check_writable(path.parent)


def class_names_of(path: Path, gan: Any) -> tuple[str, ...]:
    """Returns the class names of a model, or an empty tuple if they are not known.

    They are known for a run folder, a file in a run folder, and a SavedModel.
    """
    from keras_gan import export
    from keras_gan.training import runs

    for folder in (path, *path.resolve().parents[:2]):
        if runs.is_run(folder):
            return tuple(runs.read(folder).data["class_names"] or ())
    return gan.class_names if isinstance(gan, export.SavedGAN) else ()


def echo_settings(config: Any) -> None:
    for key, value in config.by_key().items():
        click.echo(f"  {key:38}{value}")


def program() -> str:
    return "python cli.py" if Path(sys.argv[0]).name == "cli.py" else "keras-gan"
