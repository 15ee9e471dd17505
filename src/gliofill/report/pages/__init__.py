"""The HTML pages of sessions and cohort, and when each is written anew.

What they say comes from `content`, what they show from `pictures`.
"""
