"""What the workflow asks for: what its rules need and make, the run lock, processes, disks and progress.

Nothing here knows what a step computes, or imports Snakemake.
"""
