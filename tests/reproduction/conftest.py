"""A small run through the real stages, on titles in a file of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from meli_tasks.artifacts.manifest import Manifest, find
from meli_tasks.planning.plan import Plan, ensemble_step
from meli_tasks.settings import Settings
from meli_tasks.stages.summaries import ENSEMBLE
from meli_tasks.store import Store
from tests.cli.program import document, here

QUICK = ("--override", "train.epochs=2", "--override", "embed.dimensions=8", "--override", "preprocess.max_ngrams=500")


@dataclass(frozen=True)
class PastRun:
    """The run, its store and its file of titles."""

    folder: Path
    settings: Settings
    plan: Plan

    @property
    def store(self) -> Store:
        return self.settings.open_store()

    @property
    def titles(self) -> Path:
        return self.folder / "titles.csv"

    @property
    def environment(self) -> dict[str, str]:
        return {"MELI_STORE": self.settings.store, "MELI_CACHE": str(self.settings.cache)}

    def model(self, label: str) -> Manifest:
        step = ensemble_step(self.plan, list(self.plan.sets)) if label == ENSEMBLE else self.plan.sets[label]
        assert step is not None
        found = find(self.store, step.stage, step.key)
        assert found is not None
        return found

    def objects(self) -> dict[str, bytes]:
        return {path.as_posix(): path.read_bytes() for path in self.folder.rglob("store/**/*") if path.is_file()}


@pytest.fixture(scope="session")
def computed(tmp_path_factory: pytest.TempPathFactory) -> PastRun:
    folder = tmp_path_factory.mktemp("reproduction")
    settings = Settings(store=(folder / "store").as_uri(), cache=folder / "cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MELI_STORE", settings.store)
        patch.setenv("MELI_CACHE", str(settings.cache))
        patch.chdir(folder)
        assert here("sample", "--rows", "1200", "--output", "titles.csv").exit_code == 0
        source = ("--source", str(folder / "titles.csv"), "--as-of", "2026-11-20")
        made = document("run", "all", *source, "--sets", "quick_mlp,quick_cnn", *QUICK)
    return PastRun(folder, settings, Plan.load(settings.open_store(), made["plan"]))


@pytest.fixture
def past(computed: PastRun, monkeypatch: pytest.MonkeyPatch) -> PastRun:
    """The run, with the settings of its store in the environment."""
    for name, value in computed.environment.items():
        monkeypatch.setenv(name, value)
    return computed
