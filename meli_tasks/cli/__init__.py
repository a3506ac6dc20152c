"""The command line `meli`, one module a group of commands; heavy imports stand inside the commands that need them."""

from meli_tasks.cli.meli import app, main

__all__ = ["app", "main"]
