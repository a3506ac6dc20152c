"""Proposes the next trial and prunes poor ones, with Optuna's TPE sampler and median pruner.

The starting set is the first proposal. From then on, TPE proposes values near those that did well. There is no random
phase, as a budget of minutes holds a dozen trials. Trials are compared at equal fractions of their epochs, not at equal
epochs: the learning rate of a long training run is still high when a short one has nearly finished.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState, create_trial

from meli_tasks.search.space import Plain, Space
from meli_tasks.search.trial import Trial

QUARTERS = 4  # a trial is compared with the others after each quarter of its epochs
TRIALS_BEFORE_PRUNING = 4
# With two relevant parameters of twenty, 25 trials ranked another one first for five seeds of six, 60 trials for one.
TRIALS_FOR_IMPORTANCE = 60
STATES = {
    "finished": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "stopped": TrialState.FAIL,
    "failed": TrialState.FAIL,
}


class Proposals:
    """Proposes the values of the next trial, given the trials before it."""

    def __init__(self, space: Space, seed: int, known: Sequence[Trial] = ()) -> None:
        """Start from `known` trials; those outside this space are left out."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = space
        # A search that follows others must not draw the same values.
        sampler = optuna.samplers.TPESampler(seed=seed + len(known), n_startup_trials=1)
        pruner = optuna.pruners.MedianPruner(n_startup_trials=TRIALS_BEFORE_PRUNING)
        self._study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
        self._running: optuna.Trial | None = None
        for trial in known:
            self._add(trial)
        if not any(trial.state == "finished" and trial.train == space.start for trial in known):
            self._study.enqueue_trial(space.own_values())

    def next(self) -> dict[str, Plain]:
        """Return the values to try next."""
        self._running = self._study.ask(dict(self._space.distributions))
        return dict(self._running.params)

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
        self._study.tell(self._running, value, STATES[trial.state])
        self._running = None

    def importance(self) -> dict[str, float]:
        """Return how much each parameter mattered, as fractions of 1, largest first; empty with too few trials."""
        finished = [trial for trial in self._study.trials if trial.state is TrialState.COMPLETE]
        if len(finished) < TRIALS_FOR_IMPORTANCE or len({trial.value for trial in finished}) == 1:
            return {}
        with warnings.catch_warnings():  # it warns about parameters that had a single value
            warnings.simplefilter("ignore")
            return get_param_importances(self._study, evaluator=PedAnovaImportanceEvaluator())

    def _add(self, trial: Trial) -> None:
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
                )
            )
        except ValueError:  # a value outside the ranges of this search, which another starting set had widened
            return
