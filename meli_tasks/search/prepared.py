"""All that stands before the first trial: the start, the arrays, the space, and the trials that are known already."""

from __future__ import annotations

import contextlib
import importlib
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np

from meli_tasks.core.errors import BadData, BadHyperparameters
from meli_tasks.core.hyperparameters import HyperparameterSet
from meli_tasks.execution.runner import Runner, Step
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.request import Request
from meli_tasks.search.journal import Journal, journal_part, start_of
from meli_tasks.search.proposals import Proposals
from meli_tasks.search.space import Space
from meli_tasks.search.start import plan_of_start
from meli_tasks.search.trial import Asked, Trial
from meli_tasks.search.watcher import Watcher
from meli_tasks.sets import catalog as named_sets


@dataclass(frozen=True)
class Prepared:
    """What the trials of a search work with. `step` is the training of the start, `inputs` the folders it reads."""

    plan: Plan
    start_name: str
    start: HyperparameterSet
    step: Step
    inputs: dict[str, Path]
    space: Space
    journal: Journal
    proposals: Proposals

    @property
    def trials(self) -> list[Trial]:
        """Every trial that counts: this run's, and those of runs before it that this search could have proposed."""
        return [*self.journal.trials, *(t for t in self.journal.before if self.space.varies_only_this(t.train))]

    @property
    def start_accuracy(self) -> float | None:
        """What the start itself reached; None when it did not finish."""
        own = self.start.train.model_dump(mode="json")
        return next((t.accuracy for t in self.trials if t.params == own and t.state == "finished"), None)


def prepare(asked: Asked, request: Request, runner: Runner, watcher: Watcher, as_of: date | None) -> Prepared:
    """Choose the start, compute what its training reads unless it is there, and read what was tried before.

    Raises:
        BadHyperparameters: an unknown set to start from.
        BadData: the source holds other titles than `asked.titles`.
        MeliError: whatever preparing the titles found wrong.
    """
    # A better set may have been trained since an earlier attempt began: its trials and minutes are those of its start.
    part = journal_part(runner.run_id, asked, request.model_dump(mode="json")["overrides"])
    before = start_of(runner.store, part)
    with contextlib.suppress(BadHyperparameters):  # it was removed from the store since then
        if before and named_sets.resolve(before, request.overrides, runner.settings):
            asked = replace(asked, start=before)
    plan = plan_of_start(asked, request, runner.settings, runner.store, as_of)
    if asked.titles and plan.ingest.key != asked.titles:
        raise BadData(
            f"The source {plan.ingest.name} changed after this run was planned. Trigger the run again when nobody "
            "writes to it."
        )
    name, train = next(iter(plan.sets.items()))
    start = HyperparameterSet.model_validate(plan.resolved[name])
    inputs = {}
    (recipe,) = plan.recipes
    for step in (plan.ingest, recipe.preprocess, *recipe.embeds):
        watcher.preparing(step)
        result = runner.run(step)
        watcher.prepared(step, result)
        if step.stage in train.inputs:
            inputs[step.stage] = runner.folder(result.manifest)
    runner.share_the_cores()
    importlib.import_module("meli_tasks.stages.train")  # brings torch: seconds that are no trial's
    fixed = {key.partition(".")[2] for key in request.overrides if key.startswith("train.")}
    reliable = np.load(inputs["preprocess"] / "train.reliable.npy", mmap_mode="r")
    space = Space.around(start.train, unreliable=not bool(reliable.all()), fixed=fixed, cards=runner.settings.gpus)
    journal = Journal.open(runner.store, train, runner.run_id, part)
    proposals = Proposals(space, asked.seed, [*journal.before, *journal.trials])
    return Prepared(plan, name, start, train, inputs, space, journal, proposals)
