"""Runs the project's stages one after the other in one folder and records what each cost."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.figures import Options
from benchmarks.isolated import Clock
from meli_tasks.core.hyperparameters import HyperparameterSet
from meli_tasks.core.section import Section
from meli_tasks.core.stage_parameters import Ingest, ModelEvaluation
from meli_tasks.stages import STAGES
from meli_tasks.stages.evaluation import Scores
from meli_tasks.stages.files.sample_file import write_sample
from meli_tasks.stages.hooks import Hooks, SilentLog

RAN = "ran.json"
SMALL_ROWS = 3_000
SAMPLE_ROWS = 100_000

Overrides = dict[str, bool | int | float | str]
"""Values by dotted key, such as {"train.epochs": 3}."""


class Point(NamedTuple):
    """The end of one epoch: time since the training started, and the accuracy it had reached."""

    seconds: float
    cpu_seconds: float
    accuracy: float


@dataclass(frozen=True)
class Step:
    """A stage that has run: its summary as stored, its cost, and the curve of its epochs (of a training only)."""

    summary: dict[str, Any]
    seconds: float
    cpu_seconds: float
    curve: Sequence[Point]

    @classmethod
    def read(cls, folder: Path) -> Step:
        """Reads the record that `Steps.run` left in the folder."""
        stored = json.loads((folder / RAN).read_text(encoding="utf-8"))
        return cls(
            stored["summary"], stored["seconds"], stored["cpu_seconds"], [Point(*point) for point in stored["curve"]]
        )


class CurveLog(SilentLog):
    """A log that records the time and the validation balanced accuracy at the end of each epoch."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.points: list[Point] = []

    def epoch(self, values: Mapping[str, float | int | bool]) -> None:
        """Adds a point; its time includes the validation after the epoch."""
        self.points.append(Point(*self.clock.read(), float(values["validation_balanced_accuracy"])))


class Steps:
    """Runs stages into folders named after their inputs and parameters, and reuses folders that exist.

    Attributes:
        costs: The last step of each stage: (seconds, CPU seconds) when it ran.
        curve: The epochs of the last step.
    """

    def __init__(self, work: Path, source: Path) -> None:
        self.work = work
        self.costs: dict[str, tuple[float, float]] = {}
        self.curve: Sequence[Point] = ()
        self.listings = self.run("ingest", {"source": source}, Ingest())

    def run(self, stage: str, inputs: Mapping[str, Path], params: Section) -> Path:
        """Runs the stage unless it has run before, and returns its output folder."""
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
        step = Step.read(folder)
        self.costs[stage] = (step.seconds, step.cpu_seconds)
        self.curve = step.curve
        return folder

    def prepare(self, values: HyperparameterSet) -> tuple[Path, Path]:
        """Runs preprocess and embed of a set and returns their folders."""
        prepared = self.run("preprocess", {"ingest": self.listings}, values.preprocess)
        return prepared, self.run("embed", {"preprocess": prepared}, values.embed)

    def train(self, values: HyperparameterSet) -> Path:
        """Trains a set and returns the folder of its model."""
        prepared, vectors = self.prepare(values)
        return self.run("train", {"preprocess": prepared, "embed": vectors}, values.train)

    def test_accuracies(self, models: Mapping[str, Path]) -> dict[str, float]:
        """Balanced accuracy of each model on the test titles, by label."""
        inputs = {"ingest": self.listings, **{f"model:{label}": folder for label, folder in models.items()}}
        tested = self.run("evaluate", inputs, ModelEvaluation())
        scores = Scores.model_validate_json((tested / "scores.json").read_text(encoding="utf-8"))
        return {label: model.balanced_accuracy for label, model in scores.models.items()}


def titles_file(options: Options) -> Path:
    """The real titles, or else a generated sample in the work folder."""
    if options.source is not None and not options.small:
        return options.source
    path = options.work / "sample.parquet"
    if not path.exists():
        write_sample(path, SMALL_ROWS if options.small else SAMPLE_ROWS, 1, 0.01)
    return path


def titles_note(options: Options) -> str:
    """Which titles a figure was measured on, for its note."""
    if options.source is not None and not options.small:
        return "real titles"
    return f"generated sample of {SMALL_ROWS if options.small else SAMPLE_ROWS:,} rows"
