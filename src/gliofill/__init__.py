"""gliofill makes a glioma MRI cohort complete, and says of every image whether it was acquired or synthesised."""

from importlib.metadata import version

__version__ = version("gliofill")
