"""Whether an output folder is still as it was written, and how to repair it.

It reads outputs and records only; no image is computed anew.
"""
