"""Whether an output folder still is what was written, and how to repair it.

It reads outputs and records only; no image is computed anew.
"""
