"""The one error that a user can mend."""


class InputError(ValueError):
    """Something outside the program is wrong: a file, a parameter, the network.

    The message is one line: what it is about (file, row or key), what was expected, what was found,
    what to do. The command line prints it and exits with 1; any other exception is a defect of ours
    and keeps its traceback.
    """
