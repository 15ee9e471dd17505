"""How alike two images or masks are.

Plain functions of arrays; no files.
"""
