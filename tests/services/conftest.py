from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meli_tasks import stages
from meli_tasks.runner import Runner
from meli_tasks.settings import Settings
from tests.services.toy_stage import Body, Toy


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    settings = Settings.from_environment(
        {"MELI_STORE": f"file://{tmp_path}/store", "MELI_CACHE": str(tmp_path / "cache"), "MELI_HOME": str(tmp_path)}
    )
    return Runner(settings, run_id="test")


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Toy]]:
    def install(body: Body, name: str = "toy") -> Toy:
        stage = Toy(body)
        module = types.ModuleType(f"meli_tasks.stages.{name}")
        module.run = stage.run  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(stages.VERSIONS, name, 1)
        return stage

    return install
