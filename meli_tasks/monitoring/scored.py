"""Scored titles, compared by day using the profiles in the batches' records: no title is read again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.core.drift import FEWEST_TITLES
from meli_tasks.monitoring.results import BATCH, DayResult
from meli_tasks.monitoring.standard import Standard
from meli_tasks.scoring.records import BatchRecord, records_of
from meli_tasks.store import Store
from meli_tasks.wording import count

SCORED = "scored titles"
_DIGITS_OF_KEY = 8


@dataclass
class ScoredDay:
    """The batches of a day whose titles are compared together: those scored by the champion with the same threshold.

    `others` are the day's batches by other models. They are listed but not compared, since another model
    knows other words. Batches with another threshold are a ScoredDay of their own.
    """

    day: str
    abstain_below: float = 0.0
    records: list[BatchRecord] = field(default_factory=list)
    others: list[BatchRecord] = field(default_factory=list)

    @property
    def source(self) -> str:
        """Its name among the results of the day."""
        return f"{SCORED}, withheld below {self.abstain_below:g}" if self.abstain_below else SCORED

    @property
    def batches(self) -> dict[str, str]:
        """The batches, and when the record of each was written."""
        return {record.id: record.created_at for record in (*self.records, *self.others)}

    @property
    def apart(self) -> str:
        """What is not compared, and why; empty if everything is."""
        rows: dict[tuple[str, str], int] = {}
        for record in self.others:
            model = record.model_name or "a model", record.model[:_DIGITS_OF_KEY]
            rows[model] = rows.get(model, 0) + record.rows
        scored = [f"{count(number, 'row')} by {name} ({key})" for (name, key), number in rows.items()]
        return f"{' and '.join(scored)}, not by the champion: not compared" if scored else ""


def scored_days(store: Store, model: str, since: str, most: int, reader: LenientReader) -> Iterator[ScoredDay]:
    """What was scored on each of the newest days with batches since a day, oldest first.

    Args:
        store: Where the records are.
        model: The champion's, KEY@SHA256.
        since: The champion's day.
        most: How many days.
        reader: Records the objects that cannot be read.
    """
    records = [record for record in records_of(store, reader) if record.day >= since]
    for day in sorted({record.day for record in records})[-most:]:
        yield from _of_day(day, model, [record for record in records if record.day == day])


def _of_day(day: str, model: str, records: Sequence[BatchRecord]) -> list[ScoredDay]:
    others = [record for record in records if record.model != model]
    found: dict[float, ScoredDay] = {}
    for record in records:
        if record.model == model:
            found.setdefault(record.abstain_below, ScoredDay(day, record.abstain_below)).records.append(record)
    first = min(found, default=0.0)
    found.setdefault(first, ScoredDay(day)).others.extend(others)
    return [found[threshold] for threshold in sorted(found)]


def examine_scored(standard: Standard, day: ScoredDay) -> DayResult:
    """Compare a day's scored titles, which may include training titles of the champion."""
    profiles = [record.profile for record in day.records]
    titles = sum(profile.titles for profile in profiles)
    result = standard.result(day.day, day.source, BATCH, titles).model_copy(update={"batches": day.batches})
    if not day.records:
        return result.model_copy(update={"note": f"{day.apart}."})
    result = result.model_copy(update={"apart": day.apart})
    rows = titles + sum(profile.bad_titles for profile in profiles)
    if rows < FEWEST_TITLES:
        return result.model_copy(update={"note": f"The batches have {count(rows, 'row')}: {FEWEST_TITLES} are needed."})
    other_words = "The batches were scored by a version that counts known words differently. Score them again."
    return standard.compared(result, profiles, other_words, day.abstain_below)
