"""The output dataset: its paths, description and records, and masks from other derivatives.

No image is computed here.
"""
