"""Finds Chromium, or installs it where this may be done without asking: as root on a Debian machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# A browser in a container, that talks to nobody but the page it is shown.
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
ADVICE = "No Chromium is found: install it (Debian: apt-get install chromium), or name it in MELI_TEST_CHROMIUM."


def found() -> str | None:
    """The path of a Chromium, or None."""
    return os.environ.get("MELI_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def main() -> int:
    """Find or install it; 1 and advice when neither can be."""
    if found():
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(["apt-get", "install", "--yes", "--no-install-recommends", "chromium"], check=False)
    if found():
        return 0
    print(ADVICE, file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
