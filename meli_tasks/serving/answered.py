"""Counts of the titles that the service answered, which monitoring reads; they contain titles only if that is set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import Field

from meli_tasks.artifacts import paths, reading
from meli_tasks.core.title_profile import TitleProfile
from meli_tasks.stages.stored import Stored
from meli_tasks.store import Store


class AnsweredTitles(Stored):
    """The profile of a random sample of the titles that one process answered with one model on one day."""

    version: int = 1
    process: str = Field(description="identifies the process, and its sample if it swapped models")
    day: str
    at: str = Field(description="when it was last counted")
    model: str = Field(description="KEY@SHA256")
    answered: int = Field(description="the titles that the sample is of, usable or not")
    profile: TitleProfile

    @property
    def name(self) -> str:
        """Where it is stored."""
        return paths.answered(self.model, self.day, self.process)

    def save(self, store: Store) -> None:
        """Store it in place of what the process counted earlier."""
        reading.write(store, self.name, self.model_dump_json(indent=1).encode())


@dataclass
class AnsweredDay:
    """What all processes answered on a day with one model."""

    day: str
    processes: list[AnsweredTitles] = field(default_factory=list)

    @property
    def counted(self) -> dict[str, str]:
        """The processes, and when each last counted."""
        return {each.process: each.at for each in self.processes}

    @property
    def answered(self) -> int:
        """The titles that were answered."""
        return sum(each.answered for each in self.processes)


def answered_days(
    store: Store, model: str, since: str, most: int, reader: reading.LenientReader
) -> Iterator[AnsweredDay]:
    """The newest days on which a model answered titles, oldest first.

    Args:
        store: Where the counts are.
        model: KEY@SHA256.
        since: The first day that matters.
        most: How many days.
        reader: Records the objects that cannot be read.
    """
    prefix = paths.answered_days(model)
    by_day: dict[str, list[str]] = {}
    for name in sorted(store.names(prefix)):
        by_day.setdefault(name.removeprefix(prefix).partition("/")[0], []).append(name)
    for day in sorted(day for day in by_day if day >= since)[-most:]:
        found = (reader.read(name, AnsweredTitles.model_validate_json) for name in by_day[day])
        yield AnsweredDay(day, list(filter(None, found)))
