"""The run that meets hardships, what must come out of it, and what it must not leave behind."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.artifacts.reading import parsed
from meli_tasks.settings import Settings
from meli_tasks.store import Store
from tests.damage_commands import run_again
from tests.finished_store import settings_of
from tests.hardships.forked import Child, Ended

SETS = "quick_mlp,quick_cnn"
SMALL_PART = 5 << 20
"""Bytes of a part of an upload here: S3 takes no smaller ones."""
LARGE = {"extends": "quick_mlp", "title": "A model of several parts", "train": {"ngram_dimensions": 1024}}


def run(settings: Settings) -> Any:
    """A whole run that promotes, with checkpoints at each epoch; what it found.

    On S3 it trains a third network, whose model and checkpoints are sent and fetched in parts.
    """
    from meli_tasks.sets import stored
    from meli_tasks.stages.training import fitting
    from meli_tasks.store import s3, s3_parts

    s3.PART_BYTES = s3_parts.PART_BYTES = SMALL_PART
    sets = SETS
    if settings.store.startswith("s3://"):
        stored.write(settings.open_store(), "large", LARGE, {"by": "a test"})
        sets = f"large,{SETS}"
    fitting.SECONDS_BETWEEN_EPOCH_CHECKPOINTS = fitting.SECONDS_BETWEEN_CHECKPOINTS_IN_AN_EPOCH = 0.0
    fitting.MAX_CHECKPOINT_FRACTION = 1.0
    found = run_again(settings, sets)
    return {"figures": found["figures"], "champion": found["champion"], "files": digests(settings.open_store())}


def digests(store: Store) -> dict[str, str]:
    """The SHA-256 of every file of every artifact by STAGE/KEY/FILE. A decision's key has the run's id, so not its."""
    found = {}
    for manifest in manifests(store).values():
        if manifest.stage != "promote":
            for file in manifest.outputs.keys() - set(manifest.assembled):
                output = manifest.outputs[file]
                blob = store.size(manifest.file_name(file))
                assert blob == output.bytes, f"{manifest.file_name(file)} has {blob} bytes"
                found[f"{manifest.stage}/{manifest.key}/{file}"] = output.sha256
    return found


def manifests(store: Store) -> dict[str, Manifest]:
    """Every manifest by its name."""
    found = {}
    for name in store.names(""):
        blob = store.read(name) if paths.is_manifest(name) else None
        if blob is not None:
            found[name] = parsed(store, name, blob.data, Manifest.from_bytes)
    return found


def left_behind(store: Store, root: Path) -> list[str]:
    """What no later run will use or remove: files of attempts without a manifest, checkpoints, parts, work folders."""
    known = manifests(store)
    named = {made.file_name(file) for made in known.values() for file in made.outputs} | known.keys()
    names = set(store.names(""))
    stages = {made.stage for made in known.values()}
    orphans = [name for name in names - named if name.partition("/")[0] in stages]
    notes = [name for name in names if name.startswith(("checkpoints/", "stops/", "uploading/"))]
    work = [str(path) for path in (root / "cache" / "work").glob("*")]
    parts = [str(path) for path in (root / "store" / ".store" / "parts").glob(".*")]
    uploads = [f"an unfinished upload of {each.name}" for each in store.leftovers()]
    return sorted([*orphans, *notes, *work, *parts, *uploads])


@dataclass
class Place:
    """A store and a cache of their own for one run and those after it."""

    root: Path
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """The settings of a run here."""
        return settings_of(self.root, self.values)

    def start(self, before: Callable[[], None] = lambda: None, more: Mapping[str, str] | None = None) -> Child:
        """Start a run in a child, which calls `before` first; `more` are settings for this run only."""
        settings = settings_of(self.root, {**self.values, **(more or {})})

        def work() -> Any:
            before()
            return run(settings)

        return Child(work, Path(tempfile.mkdtemp(dir=self.root.parent), "answer"))


@dataclass
class Tally:
    """What came of many runs."""

    expected: Any
    cpu_seconds: float
    """What an undisturbed run uses."""
    right: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)
    left: int = 0

    @classmethod
    def begin(cls, place: Place) -> Tally:
        """Run undisturbed, for what every other run must find."""
        ended = place.start().wait()
        assert ended.code == 0, ended.error
        return cls(ended.found, ended.cpu_seconds)

    def count(self, number: int, ended: Ended, *, only_models: bool = False) -> bool:
        """Count how a run that was not disturbed any more ended; whether it was right.

        Args:
            number: Of the run.
            ended: How it ended.
            only_models: Whether evaluation and champion may differ, as an earlier run promoted a model.
        """
        same = ended.found == self.expected
        if only_models and ended.found:
            same = _models(ended.found) == _models(self.expected)
        if ended.code == 0 and same:
            self.right += 1
            return True
        what = ended.error or f"exit {ended.code}, other results: {_differences(ended.found, self.expected)}"
        self.wrong.append(f"{number}: {what}")
        return False


def _models(found: Any) -> dict[str, str]:
    """The files of all stages up to the ensemble."""
    return {name: digest for name, digest in found["files"].items() if not name.startswith("evaluate/")}


def _differences(found: Any, expected: Any) -> list[str]:
    if not isinstance(found, dict):
        return ["nothing"]
    files = found["files"].keys() | expected["files"].keys()
    other = [name for name in files if found["files"].get(name) != expected["files"].get(name)]
    return [*sorted(other)[:5], *(part for part in ("figures", "champion") if found[part] != expected[part])]
