"""The command line: subcommands parse their arguments, call the package below, and print.

Nothing is computed here, and no other package imports this one.
"""
