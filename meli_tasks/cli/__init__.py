"""The command line `meli`, one module per group of commands.

Heavy imports are inside the functions that need them, so that `meli --help` answers at once.
"""

from meli_tasks.cli.meli import app, main

__all__ = ["app", "main"]
