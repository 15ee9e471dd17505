"""How good the configured models are on the user's own cohort, on complete sessions whose target is hidden.

Scores and predictions come from the packages below; here they are put to the cohort.
"""
