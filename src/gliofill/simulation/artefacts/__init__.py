"""Corruptions in physical units, to calibrate and test the scores of `gliofill.quality.acquired`.

Nothing here judges an image.
"""
