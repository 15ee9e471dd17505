"""The network that finds the brain: its layers, its training on generated heads, and its use on one image.

The heads are made in `gliofill.simulation`; what a session does with several masks is decided in `gliofill.preprocess`.
"""
