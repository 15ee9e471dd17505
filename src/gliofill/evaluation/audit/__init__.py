"""How good the configured models are on the user's own cohort, on complete sessions whose target is hidden.

Scores and predictions come from the packages below; nothing here trains or changes an output image.
"""
