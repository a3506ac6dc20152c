"""A search within a budget of minutes: prepare the arrays, try trainings on them, keep the best as a named set.

Trials see the arrays that `preprocess` made of the training and validation titles, and nothing else: the test titles
are in none of them. A trial that finishes is a whole training, so the winner's becomes its artifact as it is, and a run
that names the new set computes nothing.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

from meli_tasks.artifacts.manifest import Manifest, find
from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.execution.runner import Runner, Step
from meli_tasks.planning.request import Request
from meli_tasks.search.outcome import Outcome
from meli_tasks.search.prepared import Prepared, prepare
from meli_tasks.search.trial import Asked, Trial, best_of
from meli_tasks.search.watched import WatchedTraining, already_trained, train
from meli_tasks.search.watcher import Watcher
from meli_tasks.search.winner import changes, keep, must_be_free
from meli_tasks.sets import catalog as named_sets
from meli_tasks.stages.summaries import TrainSummary
from meli_tasks.wording import count, duration

# So many failures one after the other are no accident of some parameters.
MOST_FAILURES = 10
# So many in a row that taught nothing new: what can be proposed is tried.
MOST_REPEATS = 20
# What of its minutes a crash in the middle of a trial may give back.
SECONDS_BETWEEN_NOTES = 30.0
# What one trial may take, the first apart: few slow ones find less than many of the start's size.
MOST_OF_THE_MINUTES = 0.25


class Search:
    """One search; `run` it. Run again by the same run, after a crash, it goes on with what is left of its minutes."""

    def __init__(
        self,
        asked: Asked,
        request: Request,
        runner: Runner,
        watcher: Watcher,
        *,
        as_of: date | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._asked = asked
        self._request = request
        self._runner = runner
        self._store = runner.store
        self._watcher = watcher
        self._as_of = as_of
        self._clock = clock
        self._began = clock()
        self._spent_before = 0.0
        self._first_epochs: list[float] = []
        self._finished: tuple[Trial, Path, TrainSummary] | None = None

    def run(self) -> Outcome:
        """Search, and keep the winner. Interrupted, it keeps the best so far.

        Raises:
            BadHyperparameters: an unknown set to start from, a name that is taken.
            BadHyperparameters: no trial finished.
            MeliError: whatever preparing the titles found wrong.
        """
        if self._asked.name:
            must_be_free(self._asked.name, self._store)
        prepared = prepare(self._asked, self._request, self._runner, self._watcher, self._as_of)
        journal = prepared.journal
        self._spent_before = journal.spent
        journal.keep(self.spent)
        with self._runner.cache.work_folder() as work:
            best, interrupted = self._kept_before(prepared), False
            if best is None:
                interrupted = self._try(prepared, work)
                best = best_of(prepared.trials)
            if best is None and interrupted:
                raise KeyboardInterrupt
            if best is None:
                raise BadHyperparameters(self._why_nothing(journal.trials))
            if not journal.winner:
                made_by = self._made_by(prepared)
                journal.won(keep(best, prepared.start, self._asked, made_by, self._store), self.spent)
            step = replace(prepared.step, name=journal.winner, params=best.params)
            manifest = self._model_of(best, step)
        return self._outcome(prepared, best, step, manifest, interrupted=interrupted)

    @property
    def spent(self) -> float:
        """Seconds that this run's search has taken, in all its attempts."""
        return self._spent_before + self._clock() - self._began

    def seconds_left(self) -> float:
        """What is left of the minutes."""
        return self._asked.minutes * 60 - self.spent

    def _kept_before(self, prepared: Prepared) -> Trial | None:
        """The trial that an earlier attempt kept as a set; None when there was none, or the set is gone or another.

        Another run may have found better since: the set's model is that of the set's own parameters all the same.
        """
        start, journal = prepared.start, prepared.journal
        if journal.winner:
            with contextlib.suppress(BadHyperparameters):
                kept = named_sets.resolve(journal.winner, {}, self._runner.settings)
                as_start = (kept.preprocess, kept.embed) == (start.preprocess, start.embed)
                for trial in prepared.trials:
                    if as_start and trial.state == "finished" and trial.train == kept.train:
                        return trial
            journal.winner = ""
        return None

    def _try(self, prepared: Prepared, work: Path) -> bool:
        """Trials until the minutes are over; whether a person ended it."""
        try:
            while self._goes_on(prepared.journal.trials) and not of_no_use(prepared):
                trial = self._one_trial(prepared, work)
                prepared.proposals.tell(trial)
                prepared.journal.trials.append(trial)
                prepared.journal.keep(self.spent)
                self._watcher.tried(trial, best_of(prepared.trials))
        except KeyboardInterrupt:
            return True
        return False

    def _goes_on(self, trials: list[Trial]) -> bool:
        """Whether another trial is wanted, and there is time for its first epoch."""
        if self._asked.most_trials and len(trials) >= self._asked.most_trials:
            return False
        return self.seconds_left() > (median(self._first_epochs) if self._first_epochs else 0.0)

    def _one_trial(self, prepared: Prepared, work: Path) -> Trial:
        number = len(prepared.journal.trials) + 1
        params = prepared.space.train(prepared.proposals.next())
        try:
            values = named_sets.checked(prepared.start.model_dump(mode="json") | {"train": params}, "the schema")
        except BadHyperparameters as error:
            return Trial(number, params, "failed", None, 0.0, 0, reason=str(error))
        step = replace(prepared.step, name=f"trial {number}", params=values.train.model_dump(mode="json"))
        standing = find(self._store, step.stage, step.key)
        if standing:
            return already_trained(self._store, standing, prepared.proposals, number)
        return self._train(prepared, step, work / f"trial-{number}", number)

    def _train(self, prepared: Prepared, step: Step, out: Path, number: int) -> Trial:
        best = best_of(prepared.trials)
        so_far = {"best": best.accuracy} if best and best.accuracy is not None else {}

        def told(values: Mapping[str, float | int | str]) -> None:
            where = {name: values[name] for name in ("epoch", "epochs") if name in values}
            left = {"seconds_left": max(0.0, self.seconds_left())}
            if self.spent - prepared.journal.spent > SECONDS_BETWEEN_NOTES:
                prepared.journal.keep(self.spent)
            self._watcher.progress({"trial": number, **where, **so_far, **left})

        is_start = step.params == prepared.step.params
        log = WatchedTraining(
            proposals=prepared.proposals,
            epochs=step.params["epochs"],
            patience=step.params["patience"],
            is_start=is_start,
            most_seconds=self._asked.minutes * 60 * MOST_OF_THE_MINUTES,
            seconds_left=self.seconds_left,
            told=told,
            clock=self._clock,
        )
        settings = self._runner.settings
        trial, summary = train(step, number, prepared.inputs, out, log, device=settings.device, cards=settings.gpus)
        if log.first_epoch_seconds:
            self._first_epochs.append(log.first_epoch_seconds)
        if trial.state != "finished" or summary is None:
            return trial
        if is_start:  # a run of the starting set will find it
            self._runner.publish(replace(step, name=prepared.start_name), out, summary, trial.seconds)
        elif best is None or best_of([best, trial]) is trial:
            if self._finished:
                shutil.rmtree(self._finished[1])
            self._finished = (trial, out, summary)
        else:
            shutil.rmtree(out)
        return trial

    def _model_of(self, best: Trial, step: Step) -> Manifest:
        """The winner's model in the store: its trial's, or trained now when that was another process's."""
        if self._finished and self._finished[0].params == best.params:
            return self._runner.publish(step, self._finished[1], self._finished[2], best.seconds)
        return self._runner.run(step).manifest

    def _made_by(self, prepared: Prepared) -> dict[str, Any]:
        """Where the winner comes from."""
        return {
            "run_id": self._runner.run_id,
            "family": self._asked.family,
            "start": prepared.start_name,
            "start_accuracy": prepared.start_accuracy,
            "seed": self._asked.seed,
            "minutes": self._asked.minutes,
            "trials": len(prepared.trials),
            "source": prepared.plan.ingest.name,
            "preprocess": prepared.step.inputs["preprocess"],
        }

    def _why_nothing(self, trials: list[Trial]) -> str:
        if not trials:
            return (
                f"Preparing the titles took {duration(self.spent)} of {duration(self._asked.minutes * 60)}, so "
                "no trial began. The prepared titles are kept: the same search starts with its trials when run again."
            )
        reasons = list(dict.fromkeys(trial.reason for trial in trials if trial.reason))
        failed = sum(trial.state == "failed" for trial in trials)
        advice = (
            "Start from another set (--from), or hold a parameter (--override train.learning_rate=0.001)."
            if failed == len(trials)
            else "Give more minutes, or a smaller source."
        )
        return f"None of {count(len(trials), 'trial')} finished, {failed} failed: {'; '.join(reasons[:3])}. {advice}"

    def _outcome(
        self, prepared: Prepared, best: Trial, step: Step, manifest: Manifest, *, interrupted: bool
    ) -> Outcome:
        assert best.accuracy is not None
        importance: dict[str, float] = {}
        with contextlib.suppress(ValueError, RuntimeError):  # a line of the report, no result
            importance = prepared.proposals.importance()
        return Outcome(
            name=prepared.journal.winner,
            family=self._asked.family,
            start=prepared.start_name,
            start_accuracy=prepared.start_accuracy,
            accuracy=best.accuracy,
            changed=changes(prepared.step.params, best.params),
            step=step,
            values=named_sets.resolve(step.name, {}, self._runner.settings),
            manifest=manifest,
            trials=prepared.journal.trials,
            known=len(prepared.trials) - len(prepared.journal.trials),
            importance=importance,
            minutes=self._asked.minutes,
            seconds=self.spent,
            beyond=max(0.0, -self.seconds_left()),
            interrupted=interrupted,
            ended=of_no_use(prepared),
        )


def of_no_use(prepared: Prepared) -> str:
    """Why a further trial could teach nothing; empty while it could."""
    trials = prepared.journal.trials
    if trials and not prepared.space.distributions:
        return "every parameter that a search varies is held"
    last = trials[prepared.journal.earlier :][-MOST_FAILURES:]  # a task that is cleared tries again, maybe elsewhere
    if len(last) == MOST_FAILURES and all(trial.state == "failed" for trial in last):
        return f"{MOST_FAILURES} trials in a row failed"
    if len(trials) < MOST_REPEATS:
        return ""
    first = len(trials) - MOST_REPEATS
    tried = [trial.params for trial in trials]
    repeats = (trial.known or trial.params in tried[:at] for at, trial in enumerate(trials) if at >= first)
    return f"{MOST_REPEATS} trials in a row were known already" if all(repeats) else ""
