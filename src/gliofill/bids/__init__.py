"""A raw dataset: which file is which contrast of which session.

Only names, headers and sidecars are read; voxels are measured in `gliofill.quality`.
"""
