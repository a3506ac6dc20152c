from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from meli_tasks.stack import processes
from meli_tasks.stack.home import Home
from tests.browser import chromium
from tests.browser.site import Site, signed_in

ROOT = Path(__file__).parents[2]
SOURCE = "sample:rows=3000,seed=1"
# The home of a stack that is already running, to repeat a test quickly. Its first run must be like the fixture's.
RUNNING = os.environ.get("MELI_TEST_HOME")

expect.set_options(timeout=60_000)  # a busy machine is not a failure


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium.found()
    if path is None:
        pytest.fail(chromium.ADVICE)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The settings of a demo stack on its own ports after its first run, which has made a champion."""
    if RUNNING:
        yield settings_of(Home(Path(RUNNING)))
        return
    home = Home(tmp_path_factory.mktemp("browser") / "home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MELI_")}
    settings = {"MELI_HOME": str(home.root), "MELI_SOURCE": SOURCE, "MELI_SETS": "quick_mlp,quick_cnn"}
    environment = kept | settings | {"PYTHONPATH": str(ROOT)}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "meli_tasks.stack", "demo"],
            env=environment, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:]
        yield settings_of(home)
    finally:
        records = [record for path in sorted(home.run.glob("*.json")) if (record := processes.read(home, path.stem))]
        processes.stop(home, records)


def settings_of(home: Home) -> dict[str, str]:
    """The settings that the stack wrote for its users."""
    lines = (home.root / "environment").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


@pytest.fixture(scope="session")
def site(stack: dict[str, str], browser: Browser) -> Site:
    """Airflow, signed in through its form."""
    return signed_in(stack, browser)
