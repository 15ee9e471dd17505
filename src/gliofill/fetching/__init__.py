"""The only downloads: files with a checksum, brought once into a folder of the user's choice.

No other package opens the network.
"""
