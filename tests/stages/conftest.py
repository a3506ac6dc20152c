from __future__ import annotations

from pathlib import Path

import pytest

from tests.stages.evaluated import Evaluated


@pytest.fixture
def evaluate(tmp_path: Path) -> Evaluated:
    return Evaluated(tmp_path)
