"""A source whose parts have been found."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath

from meli_tasks.artifacts.manifest import canonical_json
from meli_tasks.sources.days import Day
from meli_tasks.sources.place import Part, redact_source


@dataclass(frozen=True)
class Source:
    """A source as it is now: `found` holds its parts by day. `spec` has its days filled in."""

    spec: str
    found: tuple[tuple[Day, tuple[Part, ...]], ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of all days, in the order of the days."""
        return tuple(part for _, parts in self.found for part in parts)

    @property
    def days_without(self) -> list[str]:
        """The days of the window on which there is nothing."""
        return [day.day for day, parts in self.found if not parts]

    @property
    def redacted(self) -> str:
        """The source as it may be displayed: an address without its user, password and signed query."""
        return redact_source(self.spec)

    @property
    def identity(self) -> str:
        """32 hexadecimal digits: the same as long as the parts hold the same, wherever they lie."""
        parts = canonical_json([part.identity for part in self.parts])
        return hashlib.sha256(parts.encode()).hexdigest()[:32]


def file_names(source: Source) -> list[str]:
    """What each part's file is called once fetched: by its own name and day; numbered where that loses their order."""
    names = []
    for day, parts in source.found:
        for name in (PurePosixPath(part.name).name for part in parts):
            names.append(name if day.day in name else f"{day.day}-{name}")
    if names == sorted(set(names)):
        return names
    return [f"{number:05}-{name}" for number, name in enumerate(names)]
