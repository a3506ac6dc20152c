"""Finds Chromium, or installs it as root on a Debian machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# For a browser in a container that contacts nothing but the page's server.
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
INSTALL = Path(__file__).parents[1] / "apt_install.sh"
ADVICE = "Chromium is missing: install it (Debian: apt-get install chromium), or set MELI_TEST_CHROMIUM to its path."


def found() -> str | None:
    """The path of Chromium; None if there is none."""
    return os.environ.get("MELI_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def main() -> int:
    """Find or install Chromium; exit code 1 and advice if neither works."""
    if found():
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["sh", INSTALL, "chromium"], check=False)
    if found():
        return 0
    print(ADVICE, file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
