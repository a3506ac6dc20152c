"""Prepares a search: the starting set, the encoded titles, the search space, and the trials of earlier searches."""

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
from meli_tasks.search.proposals import Proposals, Shared
from meli_tasks.search.reporter import Reporter
from meli_tasks.search.shared_study import StoredStudy
from meli_tasks.search.space import Space
from meli_tasks.search.start import plan_of_start
from meli_tasks.search.trial import SearchOptions, Trial
from meli_tasks.sets import catalog as named_sets


@dataclass(frozen=True)
class Prepared:
    """What the trials of a search need. `step` is the train step of the starting set, `inputs` the folders it reads."""

    plan: Plan
    start_name: str
    start: HyperparameterSet
    step: Step
    inputs: dict[str, Path]
    space: Space
    journal: Journal
    proposals: Proposals

    def update(self) -> None:
        """Take over the trials of other workers that search at the same time."""
        self.journal.trials[:] = self.proposals.trials(self.journal.trials)

    @property
    def trials(self) -> list[Trial]:
        """The trials of this run, and those of earlier runs that this search could have proposed."""
        return [*self.journal.trials, *(t for t in self.journal.before if self.space.varies_only_this(t.train))]

    @property
    def start_accuracy(self) -> float | None:
        """The accuracy of the starting set; None if its trial did not finish."""
        own = self.start.train.model_dump(mode="json")
        return next((t.accuracy for t in self.trials if t.params == own and t.state == "finished"), None)


def prepare(
    options: SearchOptions,
    request: Request,
    runner: Runner,
    reporter: Reporter,
    as_of: date | None,
    *,
    worker: int | None = None,
) -> Prepared:
    """Prepare a search, or the part of one of several workers: all start from the set that the first of them chose.

    Raises:
        BadHyperparameters: The set to start from does not exist.
        BadData: The source no longer holds the titles in `options.titles`.
        MeliError: Preparing the titles failed.
    """
    prepared = _prepare(options, request, runner, reporter, as_of)
    journal = prepared.journal
    if worker is None:
        return prepared
    if journal.claim() != journal.start:
        prepared = _prepare(options, request, runner, reporter, as_of)
        journal = prepared.journal
    shared = Shared(StoredStudy(runner.store, journal.name), worker, tuple(journal.trials))
    return replace(prepared, proposals=Proposals(prepared.space, options.seed, journal.before, shared))


def _prepare(
    options: SearchOptions, request: Request, runner: Runner, reporter: Reporter, as_of: date | None
) -> Prepared:
    """Choose the starting set, compute the missing inputs of its training run, and read the earlier trials."""
    # An earlier attempt keeps its start, which its trials and its time belong to, even if a better set exists by now.
    part = journal_part(runner.run_id, options, request.model_dump(mode="json")["overrides"])
    earlier_start = start_of(runner.store, part)
    with contextlib.suppress(BadHyperparameters):  # the set was removed from the store since then
        if earlier_start and named_sets.resolve(earlier_start, request.overrides, runner.settings):
            options = replace(options, start=earlier_start)
    plan = plan_of_start(options, request, runner.settings, runner.store, as_of)
    if options.titles and plan.ingest.key != options.titles:
        raise BadData(
            f"The source {plan.ingest.name} changed after this run was planned. Trigger the run again when nothing is "
            "writing to it."
        )
    name, train = next(iter(plan.sets.items()))
    start = plan.resolved[name]
    inputs = {}
    (recipe,) = plan.recipes
    for step in (plan.ingest, recipe.preprocess, *recipe.embeds):
        reporter.preparing(step)
        result = runner.run(step)
        reporter.prepared(step, result)
        if step.stage in train.inputs:
            inputs[step.stage] = runner.folder(result.manifest)
    runner.limit_threads()
    importlib.import_module("meli_tasks.stages.train")  # imports torch, whose seconds belong to no trial
    fixed = {key.partition(".")[2] for key in request.overrides if key.startswith("train.")}
    reliable = np.load(inputs["preprocess"] / "train.reliable.npy", mmap_mode="r")
    space = Space.around(start.train, unreliable=not bool(reliable.all()), fixed=fixed, devices=runner.settings.devices)
    journal = Journal.open(runner.store, train, runner.run_id, part)
    proposals = Proposals(space, options.seed, [*journal.before, *journal.trials])
    return Prepared(plan, name, start, train, inputs, space, journal, proposals)
