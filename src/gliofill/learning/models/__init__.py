"""A model on disk: weights, card, calibration, the domain it was trained on; and the embedded models.

Nothing here trains.
"""
