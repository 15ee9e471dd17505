"""Images as a person sees them: slices in planes, montages, viewer volumes.

No text but labels; where a picture stands is decided in `gliofill.report.pages`.
"""
