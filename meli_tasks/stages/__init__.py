"""The eight stages: each a module that turns local folders into local folders.

`STAGES` is the only list of them. Importing it loads neither torch nor pandas, so that a plan can compute content keys
cheaply; `StageSpec.load` imports a stage's module when it is about to run.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast

from meli_tasks.core.hyperparameters import Embed, Preprocess, Train
from meli_tasks.core.section import Section
from meli_tasks.core.stage_parameters import Ensemble, Ingest, ModelEvaluation, Promotion, Reference
from meli_tasks.stages.hooks import Hooks, Inputs
from meli_tasks.stages.summaries import (
    EmbedSummary,
    EnsembleSummary,
    EvaluateSummary,
    IngestSummary,
    PreprocessSummary,
    PromoteSummary,
    ReferenceSummary,
    Summary,
    TrainSummary,
)

P = TypeVar("P", bound=Section)
P_contra = TypeVar("P_contra", bound=Section, contravariant=True)
S = TypeVar("S", bound=Summary)
S_co = TypeVar("S_co", bound=Summary, covariant=True)


class Stage(Protocol[P_contra, S_co]):
    """What every stage module offers."""

    def run(self, inputs: Inputs, out: Path, params: P_contra, hooks: Hooks, /) -> S_co:
        """Read `inputs` and write the stage's files into the folder `out`, which exists and is empty."""


@dataclass(frozen=True)
class StageSpec(Generic[P, S]):
    """A stage, without its module.

    `version` is part of every key that the stage makes: raise it when the same inputs and parameters give another
    result.
    """

    name: str
    version: int
    params: type[P]
    summary: type[S]

    def load(self) -> Stage[P, S]:
        """Import the stage's module."""
        return cast("Stage[P, S]", importlib.import_module(f"meli_tasks.stages.{self.name}"))


_ALL: tuple[StageSpec[Any, Any], ...] = (
    StageSpec("ingest", 3, Ingest, IngestSummary),
    StageSpec("preprocess", 3, Preprocess, PreprocessSummary),
    StageSpec("embed", 2, Embed, EmbedSummary),
    StageSpec("train", 3, Train, TrainSummary),
    StageSpec("ensemble", 2, Ensemble, EnsembleSummary),
    StageSpec("reference", 1, Reference, ReferenceSummary),
    StageSpec("evaluate", 3, ModelEvaluation, EvaluateSummary),
    StageSpec("promote", 3, Promotion, PromoteSummary),
)

STAGES: dict[str, StageSpec[Any, Any]] = {stage.name: stage for stage in _ALL}
"""Every stage by its name, in the order in which they run."""
