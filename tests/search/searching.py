"""A search as the tests here run it, and a reporter that records it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from meli_tasks.core.hyperparameters import Train
from meli_tasks.execution.runner import Result, Runner, Step
from meli_tasks.planning.request import Request
from meli_tasks.search import Outcome, Search, SearchOptions, Trial
from meli_tasks.settings import Settings

SOURCE = "sample:rows=400,seed=1"
SMALL = {"preprocess.max_ngrams": 50, "embed.dimensions": 4, "embed.epochs": 1, "preprocess.max_words": 100}


class RecordingReporter:
    """Counts the trials; `after` is called with each, and may raise."""

    def __init__(self, after: Callable[[Trial], None] = lambda trial: None) -> None:
        self.trials: list[Trial] = []
        self.progressed: list[dict[str, float | int | str]] = []
        self.hits: list[bool] = []
        self.after = after

    def preparing(self, step: Step) -> None: ...

    def prepared(self, step: Step, result: Result) -> None:
        self.hits.append(result.hit)

    def progress(self, values: dict[str, float | int | str]) -> None:
        self.progressed.append(values)

    def trial_ended(self, trial: Trial, best: Trial | None) -> None:
        self.trials.append(trial)
        self.after(trial)


def good(params: Train) -> float:
    return 0.9 - 0.1 * abs(math.log10(params.learning_rate) + 2) - 0.1 * params.dropout


def request(settings: Settings, **params: Any) -> Request:
    return Request.check({"source": SOURCE, "sets": ["quick_mlp"], **params}, settings)


def searched(
    settings: Settings,
    reporter: RecordingReporter | None = None,
    run_id: str = "run",
    params: Any = None,
    clock: Callable[[], float] = time.monotonic,
    **options: Any,
) -> Outcome:
    chosen = SearchOptions(**{"minutes": 60, "start": "quick_mlp", "max_trials": 6, **options})
    runner = Runner(settings, run_id=run_id)
    return Search(
        chosen, request(settings, **(params or {})), runner, reporter or RecordingReporter(), clock=clock
    ).run()
