"""What an image is worth, as scores and verdicts.

Nothing here decides what is done about it.
"""
