"""Where a run stands and what became of it, in tables and numbers.

Nothing here draws.
"""
