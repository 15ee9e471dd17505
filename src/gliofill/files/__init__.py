"""Files in and out: NIfTI images, tables, and writes that are whole or not at all.

Nothing here knows what a file is for.
"""
