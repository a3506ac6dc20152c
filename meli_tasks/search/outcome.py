"""What a search came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.core.hyperparameters import HyperparameterSet
from meli_tasks.execution.runner import Step
from meli_tasks.search.trial import Trial
from meli_tasks.wording import count, duration

TOLD = (
    "name", "family", "start", "start_accuracy", "accuracy", "changed", "known", "importance", "minutes", "seconds",
    "beyond", "interrupted", "ended",
)  # fmt: skip
STATES = ("finished", "pruned", "stopped", "failed")


@dataclass(frozen=True)
class Outcome:
    """What a search came to. Accuracies are balanced, on the validation titles; seconds are the clock's.

    `name` is the new set's, `step` its training and `manifest` its model, which stands in the store. `changed` maps a
    parameter to its value in the starting set and in the new one. `known` counts the trials of earlier searches that
    it went by. `beyond` is what it took over its minutes. `ended` says why no further trial would have been of
    use, where that was so.
    """

    name: str
    family: str
    start: str
    start_accuracy: float | None
    accuracy: float
    changed: dict[str, list[Any]]
    step: Step
    values: HyperparameterSet
    manifest: Manifest
    trials: list[Trial]
    known: int
    importance: dict[str, float]
    minutes: float
    seconds: float
    beyond: float
    interrupted: bool
    ended: str

    def count(self, state: str) -> int:
        """How many of its trials ended so."""
        return sum(trial.state == state for trial in self.trials)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for programs and for the next task."""
        told = {name: getattr(self, name) for name in TOLD}
        return {**told, "train": self.manifest.key, "trials": [trial.to_json() for trial in self.trials]}

    def lines(self) -> list[str]:
        """A report for people."""
        told = [f"{self.name}: balanced accuracy {self.accuracy:.4f} on validation, {self._against()}"]
        told += [f"  {name}: {_said(old)} -> {_said(new)}" for name, (old, new) in self.changed.items()]
        if self.importance:
            first = list(self.importance.items())[:3]
            told.append("mattered most: " + ", ".join(f"{name} {share:.0%}" for name, share in first))
        counts = [f"{self.count(state)} {state}" for state in STATES if self.count(state)]
        counts += [f"{self.known} of earlier searches known"] if self.known else []
        over = f", {duration(self.beyond)} over" if self.beyond >= 0.1 else ""
        took = f"{duration(self.seconds)} of {duration(self.minutes * 60)}{over}"
        told.append(f"{count(len(self.trials), 'trial')} in {took}: {', '.join(counts)}")
        told += [f"no further trial was of use: {self.ended}"] if self.ended else []
        told += [f"trial {trial.number} failed: {trial.reason}" for trial in self.trials if trial.state == "failed"]
        return told

    def _against(self) -> str:
        if not self.changed:
            return f"the same parameters as {self.start}: nothing better was found"
        if self.start_accuracy is None:
            return f"{self.start}, from which it started, did not finish"
        return f"{self.start} {self.start_accuracy:.4f}, {self.accuracy - self.start_accuracy:+.4f}"


def _said(value: Any) -> str:
    return (",".join(map(str, value)) or "none") if isinstance(value, list) else str(value)
