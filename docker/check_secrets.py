"""Refuses missing, weak and example secrets. All other services wait for this compose service, `check`."""

import os
import sys

from required import objections

if found := objections(os.environ):
    lines = "\n".join(f"  {line}" for line in found)
    sys.exit(f"The services do not start, because in .env\n{lines}\nIf there is no .env, `make secrets` writes one.")
