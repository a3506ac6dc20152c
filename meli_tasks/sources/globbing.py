"""Files by a pattern, with the meaning that Python's `glob` gives it, and each folder looked at once.

`glob` looks through a tree once for each way in which `**` can match, so `**/**/**/**` takes it hours.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from glob import has_magic
from pathlib import Path

from meli_tasks.rowfiles.folders import Budget

_ANY_FOLDERS = "**"


def matches(pattern: Path, budget: Budget) -> Iterator[Path]:
    """The files and folders that a pattern matches, in no order.

    Raises:
        BadData: there is more to look through than the budget allows.
    """
    root = Path(pattern.anchor) if pattern.anchor else Path()
    names = pattern.parts[1:] if pattern.anchor else pattern.parts
    waiting = [(root, _closed({0}, names) - {len(names)})]
    looked_at: set[tuple[str, frozenset[int]]] = set()
    while waiting:
        folder, places = waiting.pop()
        # Below `**`, a link may lead back to where it is.
        anywhere = any(names[place] == _ANY_FOLDERS for place in places)
        if (key := (os.path.realpath(folder) if anywhere else str(folder), places)) in looked_at:
            continue
        looked_at.add(key)
        for path, is_folder, next_places in _steps(folder, places, names, budget):
            if len(names) in next_places:
                yield path
            if is_folder and (further := next_places - {len(names)}):
                waiting.append((path, further))


def _steps(
    folder: Path, places: frozenset[int], names: Sequence[str], budget: Budget
) -> Iterator[tuple[Path, bool, frozenset[int]]]:
    """What is directly in a folder, whether it is one, and up to which names it matches."""
    plain = {place for place in places if not has_magic(names[place])}
    for place in plain:
        path = folder / names[place]
        if os.path.lexists(path):
            yield path, path.is_dir(), _closed({place + 1}, names)
    if len(plain) == len(places):
        return
    try:
        entries = list(_listed(folder, budget))
    except OSError:  # what may not be read holds nothing, as for `glob`
        return
    for entry in entries:
        found = {next_place for place in places - plain for next_place in _after(entry.name, place, names)}
        if found:
            yield folder / entry.name, entry.is_dir(), _closed(found, names)


def _listed(folder: Path, budget: Budget) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            budget.spend(folder)
            yield entry


def _after(name: str, place: int, names: Sequence[str]) -> Iterator[int]:
    """The places in the pattern after a name has matched the one at `place`."""
    if name.startswith(".") and not names[place].startswith("."):
        return
    if names[place] == _ANY_FOLDERS:
        yield place
    elif fnmatchcase(name, names[place]):
        yield place + 1


def _closed(places: set[int], names: Sequence[str]) -> frozenset[int]:
    """These places and those behind `**`, which also matches no folder at all."""
    closed = set(places)
    for place in range(len(names)):
        if place in closed and names[place] == _ANY_FOLDERS:
            closed.add(place + 1)
    return frozenset(closed)
