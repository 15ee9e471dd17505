"""What the network learns from: complete sessions, cropped and scaled, and a cache of them.

Nothing here knows of networks.
"""
