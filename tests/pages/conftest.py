from __future__ import annotations

from pathlib import Path

import pytest

from tests.pages.published import Counting


@pytest.fixture
def store(tmp_path: Path) -> Counting:
    return Counting(tmp_path / "store")
