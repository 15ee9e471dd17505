"""What pages say, as plain data: facts of a session, provenance, scores, methods text, references.

No HTML and no pixels.
"""
