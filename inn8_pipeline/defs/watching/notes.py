"""What a check of `inn8 doctor` returns that passed although something is not set up."""


class Note(str):
    """The message of such a check, with what to do. Nothing has failed, so it is no error."""

    __slots__ = ()
