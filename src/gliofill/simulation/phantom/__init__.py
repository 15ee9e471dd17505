"""The generated cohort of the demonstration: patients, their scans, a BIDS dataset of them.

Its heads stay apart from those of `gliofill.simulation.heads`, so that the brain network is tested on others
than it was trained on.
"""
