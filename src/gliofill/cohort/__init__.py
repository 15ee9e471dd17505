"""The tables that drive the workflow: coverage, review, decisions, worklist, measurements.

What an image is worth is judged in `gliofill.quality`; here it becomes a plan for the cohort.
"""
