"""Runs a search: prepares the titles, runs trials within a time budget, and stores the best one as a named set.

Trials read the arrays that `preprocess` made of the training and validation titles; the test titles are in none of
them. A finished trial is a complete training run, so the winner's model becomes an artifact unchanged, and a run with
the new set does not train it again.
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

from meli_tasks.artifacts.manifest import Manifest, find
from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.core.hyperparameters import Train
from meli_tasks.execution.attempts import Written
from meli_tasks.execution.runner import Runner, Step
from meli_tasks.planning.request import Request
from meli_tasks.search.outcome import Outcome
from meli_tasks.search.prepared import Prepared, prepare
from meli_tasks.search.reporter import Reporter
from meli_tasks.search.shared_study import SearchEnded
from meli_tasks.search.trial import SearchOptions, Trial, best_of
from meli_tasks.search.trial_run import TrialLog, train, trial_of_stored_model
from meli_tasks.search.winner import MadeBy, changes, check_name_is_free, store_set
from meli_tasks.sets import catalog as named_sets
from meli_tasks.wording import count, duration

# So many failures in a row have another cause than a few bad parameters.
MAX_FAILURES_IN_A_ROW = 10
# This many repeats in a row mean that everything that can be proposed was tried.
MAX_REPEATS_IN_A_ROW = 20
# A crash in the middle of a trial may return at most this much of the spent budget.
SECONDS_BETWEEN_SAVES = 30.0
# The limit of a single trial, except the first: a few slow trials find less than many like the starting one.
MAX_BUDGET_FRACTION = 0.25


class Search:
    """One search. After a crash, the same run continues it with what is left of its budget."""

    def __init__(
        self,
        options: SearchOptions,
        request: Request,
        runner: Runner,
        reporter: Reporter,
        *,
        as_of: date | None = None,
        worker: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """`worker` is the number of this one of several that search together; 0 leads the search, with `run`."""
        self._options = options
        self._request = request
        self._runner = runner
        self._store = runner.store
        self._reporter = reporter
        self._as_of = as_of
        self._worker = worker
        self._clock = clock
        self._wall_clock = wall_clock
        self._ends_at: Callable[[], float] | None = None
        self._started_at = clock()
        self._spent_before = 0.0
        self._first_epochs: list[float] = []
        self._ended_here = 0
        self._finished: tuple[Trial, Written] | None = None

    def run(self) -> Outcome:
        """Run trials and store the winner; if interrupted, store the best trial so far.

        Raises:
            BadHyperparameters: The set to start from does not exist, the name is taken, or no trial finished.
            MeliError: Preparing the titles failed.
        """
        if self._options.name:
            check_name_is_free(self._options.name, self._store)
        prepared = self._prepare()
        journal = prepared.journal
        self._spent_before = journal.spent
        if prepared.proposals.shared:
            self._set_deadline(prepared)
            prepared.update()
        journal.save(self.spent)
        with self._runner.cache.work_folder() as work:
            best, interrupted = self._stored_before(prepared), False
            if best is None:
                interrupted = self._try(prepared, work)
                prepared.update()
                best = best_of(prepared.trials)
            if best is None and interrupted:
                raise KeyboardInterrupt
            if best is None:
                prepared.proposals.end()
                raise BadHyperparameters(self._why_nothing(journal.trials))
            if not journal.winner:
                made_by = self._made_by(prepared)
                name = store_set(best, prepared.start, self._options, made_by, self._store)
                journal.save_winner(name, self.spent)
            prepared.proposals.end()
            step = replace(prepared.step, name=journal.winner, params=best.params)
            manifest = self._model_of(best, step)
        return self._outcome(prepared, best, step, manifest, interrupted=interrupted)

    def take_part(self) -> int:
        """Run trials of a search that another worker leads until it ends; return how many ended here.

        Raises:
            MeliError: Preparing the titles failed.
        """
        prepared = self._prepare()
        if prepared.journal.winner:
            prepared.proposals.end()
            return 0
        proposals = prepared.proposals
        if not proposals.deadline:  # the leading worker has not begun
            proposals.deadline = self._wall_clock() + self._options.seconds - self.spent
        self._ends_at = lambda: proposals.deadline
        prepared.update()
        with self._runner.cache.work_folder() as work:
            if self._try(prepared, work):
                raise KeyboardInterrupt
        return self._ended_here

    def _prepare(self) -> Prepared:
        return prepare(self._options, self._request, self._runner, self._reporter, self._as_of, worker=self._worker)

    def _set_deadline(self, prepared: Prepared) -> None:
        """Tell the other workers when the search ends; the minutes of one that began earlier are spent."""
        proposals, now = prepared.proposals, self._wall_clock()
        if proposals.deadline and not prepared.journal.spent:
            begun_before = self._options.seconds - (proposals.deadline - now) - self.spent
            self._spent_before += max(0.0, begun_before)
        else:
            proposals.deadline = now + self.seconds_left()

    @property
    def spent(self) -> float:
        """Seconds that the search of this run has taken, over all attempts."""
        return self._spent_before + self._clock() - self._started_at

    def seconds_left(self) -> float:
        """Return what is left of the time budget."""
        if self._ends_at is not None:
            return self._ends_at() - self._wall_clock()
        return self._options.seconds - self.spent

    def _stored_before(self, prepared: Prepared) -> Trial | None:
        """Return the trial that an earlier attempt stored as a set; None if there is none, or the set was changed.

        Another run may have found a better trial since; the model of the set is still that of its own parameters.
        """
        start, journal = prepared.start, prepared.journal
        if journal.winner:
            with contextlib.suppress(BadHyperparameters):
                stored = named_sets.resolve(journal.winner, {}, self._runner.settings)
                same_inputs = (stored.preprocess, stored.embed) == (start.preprocess, start.embed)
                for trial in prepared.trials:
                    if same_inputs and trial.state == "finished" and trial.train == stored.train:
                        return trial
            journal.winner = ""
        return None

    def _try(self, prepared: Prepared, work: Path) -> bool:
        """Run trials until the budget is used up; return whether somebody interrupted them."""
        try:
            while self._has_budget(prepared.journal.trials) and not why_further_trials_are_useless(prepared):
                trial = self._one_trial(prepared, work)
                prepared.proposals.record(trial)
                self._ended_here += 1
                prepared.journal.trials.append(trial)
                prepared.update()
                if not self._worker:
                    prepared.journal.save(self.spent)
                self._reporter.trial_ended(trial, best_of(prepared.trials))
        except KeyboardInterrupt:
            return True
        except SearchEnded:  # by the worker that leads it
            return False
        return False

    def _has_budget(self, trials: list[Trial]) -> bool:
        """Return whether another trial is allowed, and there is time for its first epoch."""
        if self._options.max_trials and len(trials) >= self._options.max_trials:
            return False
        return self.seconds_left() > (median(self._first_epochs) if self._first_epochs else 0.0)

    def _one_trial(self, prepared: Prepared, work: Path) -> Trial:
        params = prepared.space.train(prepared.proposals.next())
        number = prepared.proposals.number(len(prepared.journal.trials) + 1)
        try:
            values = named_sets.checked(prepared.start.model_dump(mode="json") | {"train": params}, "the schema")
        except BadHyperparameters as error:
            return Trial(number, params, "failed", accuracy=None, seconds=0.0, epochs_run=0, reason=str(error))
        step = replace(prepared.step, name=f"trial {number}", params=values.train.model_dump(mode="json"))
        manifest = find(self._store, step.stage, step.key)
        if manifest:
            return trial_of_stored_model(self._store, manifest, prepared.proposals, number)
        return self._train(prepared, step, work / f"trial-{number}", number)

    def _train(self, prepared: Prepared, step: Step, out: Path, number: int) -> Trial:
        best = best_of(prepared.trials)
        best_so_far = {"best": best.accuracy} if best and best.accuracy is not None else {}

        def report(values: Mapping[str, float | int | str]) -> None:
            position = {name: values[name] for name in ("epoch", "epochs") if name in values}
            left = {"seconds_left": max(0.0, self.seconds_left())}
            if not self._worker and self.spent - prepared.journal.spent > SECONDS_BETWEEN_SAVES:
                prepared.journal.save(self.spent)
            self._reporter.progress({"trial": number, **position, **best_so_far, **left})

        params = step.read_params(Train)
        is_start = step.params == prepared.step.params
        log = TrialLog(
            proposals=prepared.proposals,
            epochs=params.epochs,
            patience=params.patience,
            is_start=is_start,
            max_seconds=self._options.seconds * MAX_BUDGET_FRACTION,
            seconds_left=self.seconds_left,
            report=report,
            clock=self._clock,
        )
        settings = self._runner.settings
        trial, written = train(
            step, number, prepared.inputs, out, log, device=settings.device, devices=settings.devices
        )
        if log.first_epoch_seconds:
            self._first_epochs.append(log.first_epoch_seconds)
        if trial.state != "finished" or written is None:
            return trial
        prepared.update()
        best = best_of(prepared.trials)
        if is_start:  # a run with the starting set reuses it
            self._runner.publish(replace(step, name=prepared.start_name), written)
        elif self._worker:  # the worker that leads the search cannot reach this folder
            if best is None or best_of([best, trial]) is trial:
                self._runner.publish(step, written)
            else:
                shutil.rmtree(out)
        elif best is None or best_of([best, trial]) is trial:
            if self._finished:
                shutil.rmtree(self._finished[1].out)
            self._finished = (trial, written)
        else:
            shutil.rmtree(out)
        return trial

    def _model_of(self, best: Trial, step: Step) -> Manifest:
        """Return the stored model of the winner; it is trained again if another process ran the trial."""
        if self._finished and self._finished[0].params == best.params:
            return self._runner.publish(step, self._finished[1])
        return self._runner.run(step).manifest

    def _made_by(self, prepared: Prepared) -> MadeBy:
        """Return the origin of the winner."""
        return MadeBy(
            run_id=self._runner.run_id,
            family=self._options.family,
            start=prepared.start_name,
            start_accuracy=prepared.start_accuracy,
            seed=self._options.seed,
            minutes=self._options.minutes,
            trials=len(prepared.trials),
            source=prepared.plan.ingest.name,
            preprocess=prepared.step.inputs["preprocess"],
        )

    def _why_nothing(self, trials: list[Trial]) -> str:
        if not trials:
            return (
                f"Preparing the titles took {duration(self.spent)} of {duration(self._options.seconds)}, so "
                "no trial began. The prepared titles are kept: the same search starts with its trials when run again."
            )
        reasons = list(dict.fromkeys(trial.reason for trial in trials if trial.reason))
        failed = sum(trial.state == "failed" for trial in trials)
        advice = (
            "Start from another set (--from), or fix a parameter (--override train.learning_rate=0.001)."
            if failed == len(trials)
            else "Increase the time budget, or use a smaller source."
        )
        return f"None of {count(len(trials), 'trial')} finished, {failed} failed: {'; '.join(reasons[:3])}. {advice}"

    def _outcome(
        self, prepared: Prepared, best: Trial, step: Step, manifest: Manifest, *, interrupted: bool
    ) -> Outcome:
        assert best.accuracy is not None
        importance: dict[str, float] = {}
        with contextlib.suppress(ValueError, RuntimeError):  # only a line of the report depends on it
            importance = prepared.proposals.importance()
        return Outcome(
            name=prepared.journal.winner,
            family=self._options.family,
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
            minutes=self._options.minutes,
            seconds=self.spent,
            beyond=max(0.0, -self.seconds_left()),
            interrupted=interrupted,
            ended=why_further_trials_are_useless(prepared),
        )


def why_further_trials_are_useless(prepared: Prepared) -> str:
    """Return why another trial could find nothing new; empty if it could."""
    trials = prepared.journal.trials
    if trials and not prepared.space.distributions:
        return "every parameter that a search varies is fixed"
    last = trials[prepared.journal.earlier :][
        -MAX_FAILURES_IN_A_ROW:
    ]  # a cleared task tries again, possibly on another machine
    if len(last) == MAX_FAILURES_IN_A_ROW and all(trial.state == "failed" for trial in last):
        return f"{MAX_FAILURES_IN_A_ROW} trials in a row failed"
    if len(trials) < MAX_REPEATS_IN_A_ROW:
        return ""
    first = len(trials) - MAX_REPEATS_IN_A_ROW
    tried = [trial.params for trial in trials]
    repeats = (trial.known or trial.params in tried[:at] for at, trial in enumerate(trials) if at >= first)
    return f"{MAX_REPEATS_IN_A_ROW} trials in a row were repeats" if all(repeats) else ""
