"""Two small real runs in one store: the first makes a champion, the second has a challenger for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from meli_tasks.local_run import LocalRun
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.preview import Preview
from meli_tasks.run_outcome import StepReport
from meli_tasks.settings import Settings
from meli_tasks.store import Store


class Silent:
    def planned(self, preview: Preview) -> None:
        pass

    def started(self, stage: str, name: str) -> None:
        pass

    def finished(self, step: StepReport) -> None:
        pass


@dataclass(frozen=True)
class RealRuns:
    folder: Path
    store: Store
    plans: list[Plan]
    """The oldest first."""


def run(settings: Settings, run_id: str, source: str, sets: str) -> Plan:
    local = LocalRun(Silent(), run_id, settings)
    fast = {"train.epochs": 2, "train.batch_size": 64}
    local.go({"source": source, "sets": sets, "overrides": fast, "promotion": "auto"}, date(2026, 11, 20), "promote")
    assert local.plan is not None
    assert local.failed == {}
    return local.plan


@pytest.fixture(scope="session")
def real_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRuns]:
    folder = tmp_path_factory.mktemp("real-runs")
    settings = Settings(store=(folder / "store").as_uri(), cache=folder / "cache", device="cpu")
    before = {name: value for name, value in os.environ.items() if name.endswith("_THREADS")}
    plans = [
        run(settings, "first", "sample:rows=1500,seed=1", "quick_mlp"),
        run(settings, "second", "sample:rows=2000,seed=2", "quick_mlp,mlp_fast"),
    ]
    yield RealRuns(folder, settings.open_store(), plans)
    os.environ.update(before)
