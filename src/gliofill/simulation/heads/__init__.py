"""The endless stream of heads that the brain network is trained on.

Nothing here trains.
"""
