"""A store after two runs, and copies of it to damage."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meli_tasks.settings import Settings
from tests.damage_commands import COMMANDS, run_again


class Finished:
    """A store after two runs, with its cache."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.run("quick_mlp")
        self.run("quick_mlp,quick_cnn")
        self._add_small_objects()
        self.expected = {name: command(self) for name, command in COMMANDS.items()}

    @property
    def settings(self) -> Settings:
        """The settings of this store."""
        return settings_of(self.root)

    def run(self, sets: str = "quick_mlp,quick_cnn") -> Any:
        """Run the pipeline."""
        return run_again(self.settings, sets)

    def _add_small_objects(self) -> None:
        from meli_tasks.artifacts import paths
        from meli_tasks.artifacts.manifest import find
        from meli_tasks.execution.stop_requests import StoredStopRequests
        from meli_tasks.planning.history import plans
        from meli_tasks.sets import stored

        store = self.settings.open_store()
        stored.write(store, "mine", {"extends": "quick_mlp", "title": "mine"}, {"by": "a test"})
        step = plans(store)[0].sets["quick_mlp"]
        assert find(store, "train", step.key)
        StoredStopRequests(store, "train", step.key, "another run").request("somebody")
        store.write(paths.newest_checkpoint("train", step.key), b'{"file": "gone", "sha256": "00"}')
        store.write(paths.pending("training", "0" * 24), b'{"kind": "report", "plan": "plans/none/none.json"}')


def settings_of(root: Path, more: Mapping[str, str] | None = None) -> Settings:
    """The settings of a store and a cache below `root`, and more."""
    values = {
        "MELI_STORE": (root / "store").as_uri(),
        "MELI_CACHE": str(root / "cache"),
        "MELI_HOME": str(root),
        "MELI_DEVICE": "cpu",
        "MELI_THREADS": "1",
        **(more or {}),
    }
    return Settings.from_environment(values)


@dataclass(frozen=True)
class Copy:
    """A copy of a finished store, made of hard links."""

    root: Path

    @property
    def settings(self) -> Settings:
        """Its settings."""
        return settings_of(self.root)

    def verify(self, *, repair: bool) -> list[str]:
        """The names of what is damaged; with `repair`, of what could not be mended."""
        from meli_tasks.execution.runner import Runner
        from meli_tasks.integrity import Repair, Verification

        runner = Runner(self.settings)
        found = Verification(runner.store, runner.cache).run().findings
        if not repair:
            return [finding.name for finding in found]
        return [each.finding.name for each in Repair(runner).run(found) if each.advice]

    @classmethod
    @contextlib.contextmanager
    def of(cls, finished: Finished, folder: Path) -> Iterator[Copy]:
        """A copy below `folder`, removed afterwards."""
        root = Path(tempfile.mkdtemp(dir=folder))
        try:
            for part in ("store", "cache"):
                shutil.copytree(finished.root / part, root / part, copy_function=os.link)
            yield cls(root)
        finally:
            shutil.rmtree(root, ignore_errors=True)
