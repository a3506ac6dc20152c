"""A source whose parts have been found."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath

from meli_tasks.artifacts.manifest import canonical_json
from meli_tasks.rowfiles.folders import is_marker
from meli_tasks.sources.days import Day
from meli_tasks.sources.place import Part


@dataclass(frozen=True)
class Source:
    """The current state of a source: `parts_by_day`, and the `spec` with its days filled in, without its secrets."""

    spec: str
    parts_by_day: tuple[tuple[Day, tuple[Part, ...]], ...]
    skipped: tuple[str, ...] = ()
    """Names that begin with `_` or `.`, of markers and metadata, and `golden.csv`: they hold no titles to train on."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of all days, in the order of the days."""
        return tuple(part for _, parts in self.parts_by_day for part in parts)

    @property
    def empty_days(self) -> list[str]:
        """The days of the window that have no files."""
        return [day.day for day, parts in self.parts_by_day if not parts]

    @property
    def identity(self) -> str:
        """32 hexadecimal digits: unchanged as long as the parts are, whatever signs their address.

        Parts whose content was hashed are the same wherever they are; other parts are identified by their address and
        their server's validator (ADR 22). Hive folders count, because they stand for columns.
        """
        parts = canonical_json(
            [[part.identity, *part.folders] if part.folders else part.identity for part in self.parts]
        )
        return hashlib.sha256(parts.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def file_names(source: Source) -> list[str]:
    """The path of each fetched part: its hive folders, then its own name and its day.

    Numbered if these paths would not sort in the order of the parts.
    """
    names = []
    for day, parts in source.parts_by_day:
        for part in parts:
            name = _unmarked(PurePosixPath(part.name).name)
            names.append(PurePosixPath(*part.folders, name if day.day in name else f"{day.day}-{name}"))
    if names == sorted(set(names)):
        return [str(name) for name in names]
    digits = max(5, len(str(len(names))))
    numbered = ((f"{number:0{digits}}", name) for number, name in enumerate(names))
    return [f"{number}/{name}" if name.parent.name else f"{number}-{name}" for number, name in numbered]


def _unmarked(name: str) -> str:
    """A name that no reader of the folder takes for a marker: the source named this file, so it holds rows."""
    return f"file{name}" if is_marker(name) else name
