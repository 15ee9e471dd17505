"""From a source image to a marked synthetic file: one volume, one gap of a session, gaps filled ahead of their jobs.

Networks are defined and trained in `gliofill.learning`; what is filled is decided in `gliofill.cohort`.
"""
