"""The error that a user can mend."""


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
