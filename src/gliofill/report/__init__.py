"""What a person reads: status, pages, pictures and methods text, made from the tables and records of a run.

Nothing here decides what becomes of an image.
"""
