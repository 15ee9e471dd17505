"""Layers, generator and discriminator, and how they run on a GPU or a processor.

It has no losses, and no files but weights.
"""
