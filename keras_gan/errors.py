"""What a user can mend."""


class UserError(ValueError):
    """A mistake that the user can mend: the message says in one line what was wrong, where, and what to do.

    The command line prints it as one line, without a traceback. Any other exception is a bug, and keeps its traceback.
    """
