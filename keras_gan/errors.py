"""The error that a user can mend."""

import re


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


def cause_of(error: BaseException) -> str:
    """Returns in one line what was at the bottom of an error of Keras, which puts whole configs before and after it."""
    paragraphs = str(error).split("Exception encountered: ")[-1].strip().split("\n\n")
    # Of two paragraphs, the first may only say that the second follows.
    while len(paragraphs) > 1 and paragraphs[0].startswith(("Exception encountered when", "A total of")):
        paragraphs.pop(0)
    text = re.sub(r"\x1b\[\d+m", "", paragraphs[0]).split(" Full object config")[0].split(" Full config")[0]
    line = " ".join(text.split())
    return f"{type(error).__name__} {line}".strip() if isinstance(error, KeyError) or not line else line
