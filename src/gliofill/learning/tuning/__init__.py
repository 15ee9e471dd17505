"""The search for hyperparameters that several workers share through one journal on disk.

Each trial is a training; how one goes is defined in `gliofill.learning.training`.
"""
