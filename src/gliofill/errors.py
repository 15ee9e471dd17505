"""Errors that a user can act on."""


class GliofillError(Exception):
    """Bad input or a failed step, told in one line: which file or key, what is wrong, what to do."""


class TrainingDivergedError(GliofillError):
    """A loss is no longer finite: the settings are at fault, not the data."""
