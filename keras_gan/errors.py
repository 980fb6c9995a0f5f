"""The error that a user can mend."""

import difflib
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
