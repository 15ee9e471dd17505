"""The generated cohort of the demonstration: patients, their scans, a BIDS dataset of them.

Its heads stay apart from those of `gliofill.simulation.heads`, so that one can test what learned from the other.
"""
