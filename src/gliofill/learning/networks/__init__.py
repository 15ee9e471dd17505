"""Layers, generator and discriminator, and how they run on a GPU or a processor.

No losses, no files but weights.
"""
