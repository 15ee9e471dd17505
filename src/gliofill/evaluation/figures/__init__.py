"""The figures of the evaluation: those of the paper and ours, drawn from the tables alone.

Nothing here computes a score.
"""
