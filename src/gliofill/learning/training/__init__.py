"""One training: split, batches, losses, loop, validation, logs, and the state it resumes from.

Searching hyperparameters is the job of `gliofill.learning.tuning`.
"""
