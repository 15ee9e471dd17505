"""Errors that a user can act on."""


class GliofillError(Exception):
    """Bad input or a failed step, told in one line: which file or key, what is wrong, what to do."""
