"""What a search is asked, and what a trial of it came to. Plain facts, which the journal keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from meli_tasks.core.hyperparameters import Train

Family = Literal["mlp", "cnn"]
State = Literal["finished", "pruned", "stopped", "failed"]


@dataclass(frozen=True)
class Asked:
    """A search: how long, of which architecture, from which set (empty for the best there is), under which name."""

    minutes: float
    family: Family = "mlp"
    start: str = ""
    name: str = ""
    seed: int = 1
    most_trials: int = 0
    """Trials at most; 0 for as many as the minutes allow."""
    titles: str = ""
    """The key of the titles that are meant, where a plan says it; empty for what the source holds."""


@dataclass(frozen=True)
class Trial:
    """One training of a search.

    `accuracy` is the balanced accuracy on the validation titles of the epoch that the training kept; None unless it
    finished. `shares` holds what it had reached after each quarter of its epochs. `seconds` are the clock's.
    """

    number: int
    params: dict[str, Any]
    state: State
    accuracy: float | None
    seconds: float
    epochs_run: int
    shares: dict[int, float] = field(default_factory=dict)
    reason: str = ""
    known: bool = False
    """Whether it was measured before this search."""

    @property
    def train(self) -> Train:
        """Its parameters, checked."""
        return Train.model_validate(self.params)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "shares": {str(share): value for share, value in self.shares.items()}}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Trial:
        """What `to_json` gave."""
        return cls(**{**stored, "shares": {int(share): value for share, value in stored["shares"].items()}})


def best_of(trials: list[Trial]) -> Trial | None:
    """The finished trial of the highest accuracy, of equals the earlier; None when none finished."""
    finished = [trial for trial in trials if trial.accuracy is not None and trial.state == "finished"]
    return max(finished, key=lambda trial: (trial.accuracy or 0.0, -trial.number), default=None)
