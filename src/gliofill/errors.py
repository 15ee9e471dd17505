"""Errors that a user can act on."""


class GliofillError(Exception):
    """Bad input or a failed step, in one line: which file or key, what is wrong, what to do."""


class MachineError(Exception):
    """A disk is full or gone, or a process was killed, in one line: no fault of the data, so recorded of none."""


class TrainingDivergedError(GliofillError):
    """A loss is no longer finite: the settings are at fault, not the data."""
