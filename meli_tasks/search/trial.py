"""The options of a search, and its trials: plain values that the journal stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pydantic import JsonValue

from meli_tasks.core.hyperparameters import Train

Family = Literal["mlp", "cnn"]
State = Literal["finished", "pruned", "stopped", "failed"]
Params: TypeAlias = dict[str, JsonValue]
"""The parameters of a training run as plain values, as a step's key and the store hold them."""


@dataclass(frozen=True)
class SearchOptions:
    """What to search, and for how long."""

    minutes: float
    family: Family = "mlp"
    start: str = ""
    """Name of the set to start from; empty for the best one that was trained on these titles."""
    name: str = ""
    """Name of the new set; empty for one made from the family and the date."""
    seed: int = 1
    max_trials: int = 0
    """Maximum number of trials; 0 means as many as fit in the budget."""
    titles: str = ""
    """Key of the titles that the search must use, if a plan fixed it; empty for whatever the source holds."""

    @property
    def seconds(self) -> float:
        """The time budget in seconds."""
        return self.minutes * 60

    def identity(self) -> Params:
        """Return the values that tell two searches of a run apart, under the names that journals are hashed with."""
        return {
            "minutes": self.minutes,
            "family": self.family,
            "start": self.start,
            "name": self.name,
            "seed": self.seed,
            "most_trials": self.max_trials,
            "titles": self.titles,
        }


@dataclass(frozen=True)
class Trial:
    """One training run of a search. `seconds` is wall time."""

    number: int
    params: Params
    state: State
    accuracy: float | None
    """Balanced accuracy on the validation titles at the epoch that was kept; None unless the trial finished."""
    seconds: float
    epochs_run: int
    accuracy_by_quarter: dict[int, float] = field(default_factory=dict)
    """Balanced accuracy after each quarter of the epochs."""
    reason: str = ""
    known: bool = False
    """Whether it was trained before this search."""

    @property
    def train(self) -> Train:
        """The parameters, validated."""
        return Train.model_validate(self.params)


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """Return the finished trial with the highest accuracy, the earlier one of two equals; None if none finished."""
    finished = [trial for trial in trials if trial.accuracy is not None and trial.state == "finished"]
    return max(finished, key=lambda trial: (trial.accuracy or 0.0, -trial.number), default=None)
