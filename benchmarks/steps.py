"""The project's stages one after the other in one folder, each with what it cost."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.apart import Clock
from benchmarks.figures import Options
from meli_tasks.core.hyperparameters import Evaluate, HyperparameterSet, Ingest, Section
from meli_tasks.stages import STAGES
from meli_tasks.stages.files.sample_file import write_sample
from meli_tasks.stages.hooks import Hooks, SilentLog

RAN = "ran.json"
SMALL_ROWS = 3_000
SAMPLE_ROWS = 100_000


class CurveLog(SilentLog):
    """Keeps each epoch of a training: (seconds, processor seconds, balanced accuracy on validation) since it began."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.points: list[tuple[float, float, float]] = []

    def epoch(self, values: Mapping[str, float | int | bool]) -> None:
        """One point, the training's own measuring of the epoch included."""
        self.points.append((*self.clock.read(), float(values["validation_balanced_accuracy"])))


class Steps:
    """Runs stages into folders named by what they are made from; one that is there is not run again.

    `costs`: stage -> (seconds, processor seconds) that its last step took when it ran. `curve`: the last step's
    epochs, (seconds, processor seconds, balanced accuracy on validation) each.
    """

    def __init__(self, work: Path, source: Path) -> None:
        self.work = work
        self.costs: dict[str, tuple[float, float]] = {}
        self.curve: list[tuple[float, float, float]] = []
        self.listings = self.run("ingest", {"source": source}, Ingest())

    def run(self, stage: str, inputs: Mapping[str, Path], params: Section) -> Path:
        """The step's folder: its outputs, and ran.json with its summary and cost."""
        made_from = {name: path.name if path.parent == self.work else str(path) for name, path in inputs.items()}
        described = [STAGES[stage].version, params.model_dump(mode="json"), made_from]
        folder = self.work / f"{stage}-{hashlib.sha256(json.dumps(described).encode()).hexdigest()[:16]}"
        if not (folder / RAN).exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            log = CurveLog()
            summary = STAGES[stage].load().run(inputs, folder, params, Hooks(log)).model_dump(mode="json")
            seconds, cpu_seconds = log.clock.read()
            ran = {"summary": summary, "seconds": seconds, "cpu_seconds": cpu_seconds, "curve": log.points}
            (folder / RAN).write_text(json.dumps(ran), encoding="utf-8")
        ran = json.loads((folder / RAN).read_text(encoding="utf-8"))
        self.costs[stage] = (ran["seconds"], ran["cpu_seconds"])
        self.curve = ran["curve"]
        return folder

    def prepare(self, values: HyperparameterSet) -> tuple[Path, Path]:
        """The folders of preprocess and embed of a set."""
        prepared = self.run("preprocess", {"ingest": self.listings}, values.preprocess)
        return prepared, self.run("embed", {"preprocess": prepared}, values.embed)

    def train(self, values: HyperparameterSet) -> Path:
        """The folder of a set's model."""
        prepared, vectors = self.prepare(values)
        return self.run("train", {"preprocess": prepared, "embed": vectors}, values.train)

    def scores(self, models: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
        """What evaluate says of each model on the test titles, by its label."""
        inputs = {"ingest": self.listings, **{f"model:{label}": folder for label, folder in models.items()}}
        tested = self.run("evaluate", inputs, Evaluate())
        found: dict[str, dict[str, Any]] = json.loads((tested / "scores.json").read_text(encoding="utf-8"))
        return found


def titles_file(options: Options) -> Path:
    """The real titles, or as many generated ones as stand for them, in the work folder."""
    if options.source is not None and not options.small:
        return options.source
    path = options.work / "sample.parquet"
    if not path.exists():
        write_sample(path, SMALL_ROWS if options.small else SAMPLE_ROWS, 1, 0.01)
    return path


def told(options: Options) -> str:
    """What the titles are, for a figure's note."""
    if options.source is not None and not options.small:
        return "real titles"
    return f"generated sample of {SMALL_ROWS if options.small else SAMPLE_ROWS:,} rows"
