"""The translation network: what it learns from, its layers, its training, its tuning, and a model on disk.

Nothing here knows of sessions to be filled or of pages.
"""
