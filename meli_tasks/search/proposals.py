"""Proposes the next trial and prunes poor ones, with Optuna's TPE sampler and median pruner.

The starting set is the first proposal. From then on, TPE proposes values near those that did well. There is no random
phase, as a budget of minutes holds a dozen trials. Trials are compared at equal fractions of their epochs, not at equal
epochs: the learning rate of a long training run is still high when a short one has nearly finished.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import optuna
from optuna.exceptions import DuplicatedStudyError
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.storages import JournalStorage
from optuna.trial import TrialState, create_trial
from pydantic import TypeAdapter

from meli_tasks.search.shared_study import StoredStudy
from meli_tasks.search.space import Plain, Space
from meli_tasks.search.trial import Trial

QUARTERS = 4  # a trial is compared with the others after each quarter of its epochs
TRIALS_BEFORE_PRUNING = 4
SEEDS_APART = 1_000_003  # two workers must not draw the same values
# With two relevant parameters of twenty, 25 trials ranked another one first for five seeds of six, 60 trials for one.
TRIALS_FOR_IMPORTANCE = 60
STATES = {
    "finished": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "stopped": TrialState.FAIL,
    "failed": TrialState.FAIL,
}


NAME, DEADLINE, KNOWN, WORKER, TRIAL = "search", "deadline", "known", "worker", "trial"
_TRIAL = TypeAdapter(Trial)


@dataclass(frozen=True)
class Shared:
    """The study that several workers share, the number of this one (0 leads), and the trials of the run before it."""

    study: StoredStudy
    worker: int
    earlier: tuple[Trial, ...] = ()


class Proposals:
    """Proposes the values of the next trial, given the trials before it."""

    def __init__(self, space: Space, seed: int, known: Sequence[Trial] = (), shared: Shared | None = None) -> None:
        """Start from `known` trials; those outside this space are left out. A `shared` study may have begun already."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = space
        # A search that follows others must not draw the same values.
        number = shared.worker if shared else 0
        sampler = optuna.samplers.TPESampler(
            seed=seed + len(known) + SEEDS_APART * number,
            n_startup_trials=1,
            constant_liar=shared is not None,  # not what another worker is trying now
        )
        pruner = optuna.pruners.MedianPruner(n_startup_trials=TRIALS_BEFORE_PRUNING)
        self._shared = shared
        self._running: optuna.Trial | None = None
        if shared is None:
            self._study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
        else:
            storage = JournalStorage(shared.study)
            try:
                self._study = optuna.create_study(
                    storage=storage, study_name=NAME, direction="maximize", sampler=sampler, pruner=pruner
                )
            except DuplicatedStudyError:
                self._study = optuna.load_study(storage=storage, study_name=NAME, sampler=sampler, pruner=pruner)
                self._end_own_trials(number)
                return
        for trial in known:
            self._add(trial)
        if shared:
            self._study.set_user_attr(KNOWN, len(self._study.trials))
            for trial in shared.earlier:
                self._add(trial, {TRIAL: asdict(trial)})
            known = [*known, *shared.earlier]
        if not any(trial.state == "finished" and trial.train == space.start for trial in known):
            self._study.enqueue_trial(space.own_values())

    def next(self) -> dict[str, Plain]:
        """Return the values to try next."""
        self._running = self._study.ask(dict(self._space.distributions))
        if self._shared:
            self._running.set_user_attr(WORKER, self._shared.worker)
        return dict(self._running.params)

    def number(self, own: int) -> int:
        """Return the number of the running trial: `own`, or if several workers search, one that no other has."""
        if self._shared is None or self._running is None:
            return own
        return self._running.number - int(self._study.user_attrs.get(KNOWN, 0)) + 1

    def is_poor(self, epoch: int, epochs: int, accuracy: float) -> bool:
        """Return whether the running trial is worse so far than half of the finished ones; call it every epoch."""
        assert self._running is not None
        quarter = epoch * QUARTERS // epochs
        if not 0 < quarter < QUARTERS or quarter in self.accuracy_by_quarter:
            return False
        self._running.report(accuracy, quarter)
        return self._running.should_prune()

    @property
    def accuracy_by_quarter(self) -> dict[int, float]:
        """The accuracy of the running trial after each quarter of its epochs."""
        assert self._running is not None
        return dict(self._study.trials[self._running.number].intermediate_values)

    def record(self, trial: Trial) -> None:
        """Record the result of the running trial."""
        assert self._running is not None
        value = trial.accuracy if trial.state == "finished" else None
        if self._shared:
            self._running.set_user_attr(TRIAL, asdict(trial))
        self._study.tell(self._running, value, STATES[trial.state])
        self._running = None

    def trials(self, own: Sequence[Trial]) -> list[Trial]:
        """Return the trials of the search: `own`, or those of all workers."""
        if self._shared is None:
            return list(own)
        found = [trial.user_attrs[TRIAL] for trial in self._study.trials if TRIAL in trial.user_attrs]
        return [_TRIAL.validate_python(trial) for trial in found]

    @property
    def deadline(self) -> float:
        """When the search of several workers ends, in seconds since 1970; 0 if no worker has said so yet."""
        return float(self._study.user_attrs.get(DEADLINE, 0.0))

    @deadline.setter
    def deadline(self, at: float) -> None:
        self._study.set_user_attr(DEADLINE, at)

    @property
    def shared(self) -> bool:
        """Whether several workers search."""
        return self._shared is not None

    def end(self) -> None:
        """End the search of all workers."""
        if self._shared:
            self._shared.study.delete()

    def importance(self) -> dict[str, float]:
        """Return how much each parameter mattered, as fractions of 1, largest first; empty with too few trials."""
        finished = [trial for trial in self._study.trials if trial.state is TrialState.COMPLETE]
        if len(finished) < TRIALS_FOR_IMPORTANCE or len({trial.value for trial in finished}) == 1:
            return {}
        with warnings.catch_warnings():  # it warns about parameters that had a single value
            warnings.simplefilter("ignore")
            return get_param_importances(self._study, evaluator=PedAnovaImportanceEvaluator())

    def _end_own_trials(self, worker: int) -> None:
        """Count the trials that an earlier attempt of this worker left running as failed."""
        for trial in self._study.get_trials(states=(TrialState.RUNNING,)):
            if trial.user_attrs.get(WORKER) == worker:
                self._study.tell(trial.number, state=TrialState.FAIL)

    def _add(self, trial: Trial, attributes: dict[str, Any] | None = None) -> None:
        if trial.state not in ("finished", "pruned") or not self._space.varies_only_this(trial.train):
            return
        try:
            self._study.add_trial(
                create_trial(
                    state=STATES[trial.state],
                    params=dict(self._space.values_of(trial.train)),
                    distributions=dict(self._space.distributions),
                    value=trial.accuracy if trial.state == "finished" else None,
                    intermediate_values=dict(trial.accuracy_by_quarter),
                    user_attrs=attributes,
                )
            )
        except ValueError:  # a value outside the ranges of this search, which another starting set had widened
            return
