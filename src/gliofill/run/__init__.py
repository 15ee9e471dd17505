"""What the engine asks for: the run lock, processes, disks, progress, and the typed part of the Snakemake rules.

Nothing here knows what a step computes.
"""
