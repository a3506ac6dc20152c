"""Whether to retrain because of what monitoring found, what past training runs gained, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import mean, median

from meli_tasks.artifacts.manifest import find
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.core.drift import Statistic
from meli_tasks.ledger import Ledger
from meli_tasks.monitoring.results import ACCURACY, DayResult
from meli_tasks.planning.history import newest_plans
from meli_tasks.planning.plan import Plan
from meli_tasks.store import Store
from meli_tasks.wording import count, duration

PAST = 10
"""How many of the newest decisions and training runs the expectations come from."""
FAULTS = (Statistic.BROKEN.value, Statistic.BAD.value, Statistic.ACCENTS.value)
"""Changes that come from a fault in the source rather than from other titles: a model would learn the fault."""


@dataclass(frozen=True)
class Advice:
    """Whether to retrain, and why.

    `gain` is the mean gain in balanced accuracy of the newest `decisions`, 0 where the champion stayed; `seconds` the
    median time that training took. None if there is nothing to tell it from.
    """

    retrain: bool
    reason: str
    gain: float | None = None
    decisions: int = 0
    seconds: float | None = None
    compared: bool = True
    """Whether there was anything to judge; if not, there is no advice."""

    @property
    def answer(self) -> str:
        """The answer to "Should I retrain tonight?" in a word or two."""
        if not self.compared:
            return "Unknown"
        return "Yes" if self.retrain else "No"

    @property
    def sentence(self) -> str:
        """The advice with what to expect."""
        head = "Retrain" if self.retrain else "Do not retrain" if self.compared else "No advice"
        return f"{head}: {self.reason}{self._expected if self.retrain else ''}"

    @property
    def _expected(self) -> str:
        gain = (
            f" The last {count(self.decisions, 'decision')} gained {self.gain:+.4f} in balanced accuracy on average"
            if self.gain is not None
            else " There is no earlier decision to expect a gain from"
        )
        took = f"; training takes about {duration(self.seconds)}." if self.seconds is not None else "."
        return gain + took


def advise(store: Store, newest: Sequence[DayResult]) -> Advice:
    """The advice after the newest results: of ingested titles, of scored ones, or of both."""
    (gain, decisions), seconds = _gain(store), _seconds(store)
    retrain, reason = _judged(newest)
    return Advice(retrain, reason, gain, decisions, seconds, compared=not all(result.note for result in newest))


def _judged(newest: Sequence[DayResult]) -> tuple[bool, str]:
    """Whether to retrain, and why."""
    alarms = list(dict.fromkeys(name for result in newest for name in result.alarms))
    if all(result.note for result in newest):
        return False, f"nothing was compared. {' '.join(result.note for result in newest)}".strip()
    if not alarms:
        return False, "the titles look like those that the champion was validated on."
    faults = [name for name in alarms if name in FAULTS]
    if faults:
        return (
            False,
            f"correct the source first ({_listed(faults)}): a model would learn what is wrong with its titles.",
        )
    changed = [name for name in alarms if name != ACCURACY]
    reasons = ["the champion is less accurate than promised"] * (ACCURACY in alarms)
    reasons += [f"{_listed(changed)} changed"] if changed else []
    return True, f"{' and '.join(reasons)}."


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _gain(store: Store) -> tuple[float | None, int]:
    """The mean gain of the newest decisions about a challenger of a champion, and how many those are."""
    reader = LenientReader(store)
    decisions = Ledger(store).readable(reader)
    reader.warn()
    with_gain = (each for each in reversed(decisions) if each.evidence.champion and each.evidence.gain is not None)
    compared = list(islice(with_gain, PAST))
    gains = [each.evidence.gain or 0.0 if each.action == "promote" else 0.0 for each in compared]
    return (mean(gains), len(gains)) if gains else (None, 0)


def _seconds(store: Store) -> float | None:
    """The median time that the training of a run's sets took, one after the other."""
    reader = LenientReader(store)
    times = [
        seconds for plan in islice(newest_plans(store, reader), 3 * PAST) if (seconds := _training_seconds(store, plan))
    ]
    reader.warn()
    return median(times[:PAST]) if times else None


def _training_seconds(store: Store, plan: Plan) -> float:
    """The time of a run's training; 0 if a set of it was not trained."""
    trained = [find(store, "train", step.key) for step in plan.sets.values()]
    return sum(manifest.seconds for manifest in trained if manifest) if all(trained) else 0.0
