"""The error that a user can mend."""

import difflib
import re
from collections.abc import Collection


class UserError(ValueError):
    """A mistake that the user can mend; its message says in one line what was wrong, where, and what to do.

    The command line prints that line without a traceback. Any other exception is a bug, and keeps its traceback.

    Examples:
        >>> try:
        ...     kg.presets.preset("dcgn")
        ... except kg.UserError as error:
        ...     print(error)
        unknown preset 'dcgn': did you mean dcgan?
    """

    # To an error without it, Keras appends the arguments of the layer that it comes from, over many lines.
    _keras_call_info_injected = True


def unknown(kind: str, name: str, options: Collection[str]) -> UserError:
    """Returns the error for a name that is none of the options; it suggests similar ones."""
    near = difflib.get_close_matches(name.lower(), options, n=2)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(options)}"
    return UserError(f"unknown {kind} {name!r}: {hint}")


def cause_of(error: BaseException) -> str:
    """Returns in one line what was at the bottom of an error of Keras, which puts whole configs before and after it."""
    paragraphs = str(error).split("Exception encountered: ")[-1].strip().split("\n\n")
    # Of two paragraphs, the first may only say that the second follows.
    while len(paragraphs) > 1 and paragraphs[0].startswith(("Exception encountered when", "A total of")):
        paragraphs.pop(0)
    text = re.sub(r"\x1b\[\d+m", "", paragraphs[0]).split(" Full object config")[0].split(" Full config")[0]
    line = " ".join(text.split())
    return f"{type(error).__name__} {line}".strip() if isinstance(error, KeyError) or not line else line
