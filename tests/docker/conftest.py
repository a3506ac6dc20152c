"""The real stack, for the tests marked `compose`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker import images
from tests.docker.composed import Stack
from tests.docker.engine import engine


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack, images and secrets made, not started; taken down at the end, whatever happened."""
    folder: Path = tmp_path_factory.mktemp("compose")
    with engine(folder / "engine") as running:
        try:
            built = images.prepare(running, folder)
        finally:
            shutil.rmtree(folder / "context", ignore_errors=True)
        with running.entered():
            stand_ins = {"POSTGRES_IMAGE": images.POSTGRES, "REDIS_IMAGE": images.REDIS} if built.stand_ins else {}
            stack = Stack(running, folder, stand_ins)
            try:
                yield stack
            finally:
                stack.down()
