"""The outcome of a search."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple

from pydantic import JsonValue

from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.core.hyperparameters import HyperparameterSet
from meli_tasks.execution.runner import Step
from meli_tasks.search.trial import Family, Params, State, Trial
from meli_tasks.wording import count, duration

STATES: tuple[State, ...] = ("finished", "pruned", "stopped", "failed")
TOP_IMPORTANCES = 3


class Change(NamedTuple):
    """The value of a parameter in the starting set, and in the new one."""

    old: JsonValue
    new: JsonValue


@dataclass(frozen=True)
class Outcome:
    """What a search found. Accuracies are balanced, on the validation titles; seconds are wall time."""

    name: str
    """Name of the new set."""
    family: Family
    start: str
    start_accuracy: float | None
    accuracy: float
    changed: dict[str, Change]
    step: Step
    """The train step of the new set."""
    values: HyperparameterSet
    manifest: Manifest
    """The model of the new set, in the store."""
    trials: list[Trial]
    known: int
    """Number of trials of earlier searches that were reused."""
    importance: dict[str, float]
    minutes: float
    seconds: float
    beyond: float
    """Seconds that the search took beyond its budget."""
    interrupted: bool
    ended: str
    """Why no further trial would have helped; empty if the budget ended the search."""

    def count(self, state: State) -> int:
        """Return the number of trials that ended in a state."""
        return sum(trial.state == state for trial in self.trials)

    def to_json(self) -> Params:
        """Return plain values, for `meli search --json`."""
        return {
            "name": self.name,
            "family": self.family,
            "start": self.start,
            "start_accuracy": self.start_accuracy,
            "accuracy": self.accuracy,
            "changed": {name: list(change) for name, change in self.changed.items()},
            "known": self.known,
            "importance": dict(self.importance),
            "minutes": self.minutes,
            "seconds": self.seconds,
            "beyond": self.beyond,
            "interrupted": self.interrupted,
            "ended": self.ended,
            "train": self.manifest.key,
            "trials": [asdict(trial) for trial in self.trials],
        }

    def lines(self) -> list[str]:
        """Return a report for people."""
        lines = [f"{self.name}: balanced accuracy {self.accuracy:.4f} on validation, {self._compared_to_start()}"]
        lines += [f"  {name}: {_as_text(old)} -> {_as_text(new)}" for name, (old, new) in self.changed.items()]
        if self.importance:
            top = list(self.importance.items())[:TOP_IMPORTANCES]
            lines.append("most important: " + ", ".join(f"{name} {fraction:.0%}" for name, fraction in top))
        counts = [f"{self.count(state)} {state}" for state in STATES if self.count(state)]
        counts += [f"{self.known} reused from earlier searches"] if self.known else []
        over = f", {duration(self.beyond)} over" if self.beyond >= 0.1 else ""
        took = f"{duration(self.seconds)} of {duration(self.minutes * 60)}{over}"
        lines.append(f"{count(len(self.trials), 'trial')} in {took}: {', '.join(counts)}")
        lines += [f"stopped early: {self.ended}"] if self.ended else []
        lines += [f"trial {trial.number} failed: {trial.reason}" for trial in self.trials if trial.state == "failed"]
        return lines

    def _compared_to_start(self) -> str:
        if not self.changed:
            return f"with the parameters of {self.start}: nothing better was found"
        if self.start_accuracy is None:
            return f"{self.start}, the starting set, did not finish"
        return f"{self.start} {self.start_accuracy:.4f}, {self.accuracy - self.start_accuracy:+.4f}"


def _as_text(value: JsonValue) -> str:
    return (",".join(map(str, value)) or "none") if isinstance(value, list) else str(value)
