"""Scores of raw images: geometry, noise, motion, artefacts; and when they count as unusable.

One image at a time, except for the outliers of a cohort.
"""
