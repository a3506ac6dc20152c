"""Refuse secrets that are missing, weak or an example's. The compose service `check`: nothing starts before it."""

import os
import sys

from required import objections

if found := objections(os.environ):
    lines = "\n".join(f"  {line}" for line in found)
    sys.exit(
        f"The stack does not start, because in .env\n{lines}\n`make secrets` writes a fresh .env where there is none."
    )
