"""Invented images whose truth is known: heads, tumours, a generated cohort, artefacts.

Tests, the demonstration and the training of the brain network use them; no image of a patient is read here.
"""
