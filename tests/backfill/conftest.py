"""The store of the backfills."""

from __future__ import annotations

from pathlib import Path

import pytest

from meli_tasks.settings import Settings
from meli_tasks.store import Store


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(store=f"file://{tmp_path}/store", cache=tmp_path / "cache")


@pytest.fixture
def store(settings: Settings) -> Store:
    return settings.open_store()
