"""The configuration and recipes: each key declared once, checked once.

Nothing here acts on a setting.
"""
