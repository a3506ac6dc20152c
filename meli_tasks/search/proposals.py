"""What to try next, and when to give a trial up: Optuna's TPE sampler and median pruner.

The starting set is the first proposal. From then on TPE proposes near what did well; there is no random phase, for a
budget of minutes holds a dozen trials. Trials are compared at equal shares of their epochs, not at equal epochs: the
learning rate of a long training is still high where a short one has nearly ended.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState, create_trial

from meli_tasks.search.space import Plain, Space
from meli_tasks.search.trial import Trial

SHARES = 4  # a trial is judged after each quarter of its epochs
TRIALS_BEFORE_PRUNING = 4
# Where two of twenty parameters matter, 25 trials named another first for five seeds of six, 60 for one.
TRIALS_FOR_IMPORTANCE = 60
STATES = {
    "finished": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "stopped": TrialState.FAIL,
    "failed": TrialState.FAIL,
}


class Proposals:
    """The next trial's values, given those before."""

    def __init__(self, space: Space, seed: int, known: Sequence[Trial] = ()) -> None:
        """`known`: trials that were measured before; what this space could not hold is left out."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = space
        # A search that goes on after others must not draw what they drew.
        sampler = optuna.samplers.TPESampler(seed=seed + len(known), n_startup_trials=1)
        pruner = optuna.pruners.MedianPruner(n_startup_trials=TRIALS_BEFORE_PRUNING)
        self._study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
        self._asked: optuna.Trial | None = None
        for trial in known:
            self._add(trial)
        if not any(trial.state == "finished" and trial.train == space.start for trial in known):
            self._study.enqueue_trial(space.own_values())

    def next(self) -> dict[str, Plain]:
        """The values to try next."""
        self._asked = self._study.ask(dict(self._space.distributions))
        return dict(self._asked.params)

    def is_poor(self, epoch: int, epochs: int, accuracy: float) -> bool:
        """Whether the trial under way is worse, this far, than half of those that finished. Told after each epoch."""
        assert self._asked is not None
        share = epoch * SHARES // epochs
        if not 0 < share < SHARES or share in self.shares:
            return False
        self._asked.report(accuracy, share)
        return self._asked.should_prune()

    @property
    def shares(self) -> dict[int, float]:
        """What the trial under way had reached after each quarter of its epochs."""
        assert self._asked is not None
        return dict(self._study.trials[self._asked.number].intermediate_values)

    def tell(self, trial: Trial) -> None:
        """What the trial under way came to."""
        assert self._asked is not None
        value = trial.accuracy if trial.state == "finished" else None
        self._study.tell(self._asked, value, STATES[trial.state])
        self._asked = None

    def importance(self) -> dict[str, float]:
        """The parameters that mattered most for the accuracy, shares of 1, largest first; empty after few trials."""
        finished = [trial for trial in self._study.trials if trial.state is TrialState.COMPLETE]
        if len(finished) < TRIALS_FOR_IMPORTANCE or len({trial.value for trial in finished}) == 1:
            return {}
        with warnings.catch_warnings():  # it warns of parameters that took one value only
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
                    intermediate_values=dict(trial.shares),
                )
            )
        except ValueError:  # a value beyond this search's ranges: another starting set had widened them
            return
