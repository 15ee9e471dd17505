"""How good the models are: scores on patients held out, baselines beside them, statistics and tables.

Nothing here trains a network or writes a synthetic image into a dataset.
"""
