"""The base class of all errors."""


class Inn8Error(Exception):
    """Base class of all errors of this project; `str()` of one is the message for the operator."""
