"""Whether a preprocessed image is what its name says, and whether registration and brain mask held.

Nothing here moves or masks an image.
"""
