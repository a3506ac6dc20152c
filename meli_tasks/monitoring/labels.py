"""Labels of titles that were scored earlier: from the listings of later runs, and from files of labels.

Labels are stored by hashes of the titles, or of another column that the scored files have too, such as an id. If there
are too many, only those with the smallest hashes are kept: a random sample that selects the same titles in every file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.errors import BadData
from meli_tasks.rowfiles.columns import CATEGORY, TITLE, find_column, fold, missing_column
from meli_tasks.rowfiles.limits import ReadingLimits
from meli_tasks.rowfiles.reading import RowFile
from meli_tasks.rowfiles.titles import cleaned
from meli_tasks.settings import Settings
from meli_tasks.sources import fetch, identify

MOST_LABELS = 1_000_000
Hashes = NDArray[np.uint64]
_ALL = 2**64 - 1


def hashes_of(texts: Sequence[str]) -> Hashes:
    """A hash of 64 bits for each text."""
    digests = (blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in texts)
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def keys_of(column: str, texts: Sequence[str | None]) -> list[str]:
    """The values of a column as they are compared: titles cleaned as for training, others without outer whitespace."""
    return cleaned(texts) if fold(column) == TITLE else [(text or "").strip() for text in texts]


class Labels:
    """The categories of titles by the values of one column, in bounded memory."""

    def __init__(self, column: str = TITLE, most: int = MOST_LABELS) -> None:
        self.column = column
        self.categories: list[str] = []
        self.hashes: Hashes = np.empty(0, np.uint64)
        self.codes = np.empty(0, np.int32)
        self._most = most
        self._limit = _ALL
        self._numbers: dict[str, int] = {}
        self._added: list[tuple[Hashes, NDArray[np.int32]]] = []
        self._waiting = 0

    @property
    def kept(self) -> float:
        """The fraction of the values that are kept."""
        return self._limit / _ALL

    def add(self, keys: Sequence[str], categories: Sequence[str]) -> None:
        """Add labels; one that was added later replaces an earlier one of the same value."""
        hashes = hashes_of(keys)
        codes = np.fromiter(map(self._number, categories), np.int32, len(categories))
        usable = np.fromiter((bool(key and name) for key, name in zip(keys, categories, strict=True)), bool, len(keys))
        usable &= hashes <= np.uint64(self._limit)
        self._added.append((hashes[usable], codes[usable]))
        self._waiting += int(usable.sum())
        if self._waiting > self._most:
            self.settle()

    def settle(self) -> None:
        """Merge the added labels, so that `places` finds them."""
        hashes = np.concatenate([self.hashes, *(each for each, _ in self._added)])[::-1]
        codes = np.concatenate([self.codes, *(each for _, each in self._added)])[::-1]
        self.hashes, first = np.unique(hashes, return_index=True)  # the first in reverse: the newest
        self.codes = codes[first]
        self._added, self._waiting = [], 0
        while len(self.hashes) > self._most:
            self._limit //= 2
            end = int(np.searchsorted(self.hashes, np.uint64(self._limit), side="right"))
            self.hashes, self.codes = self.hashes[:end], self.codes[:end]

    def places(self, keys: Sequence[str]) -> NDArray[np.int64]:
        """Where the label of each value is in `hashes` and `codes`, -1 if it has none."""
        if not len(self.hashes):
            return np.full(len(keys), -1)
        hashes = hashes_of(keys)
        found = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        return np.where((self.hashes[found] == hashes) & np.array([bool(key) for key in keys]), found, -1)

    def _number(self, category: str) -> int:
        number = self._numbers.setdefault(category, len(self.categories))
        if number == len(self.categories):
            self.categories.append(category)
        return number


@dataclass(frozen=True)
class LabelSource:
    """Where labels come from: `identities` change with the labels, `add` adds them to the table of their column."""

    identities: tuple[str, ...]
    add: Callable[[dict[str, Labels]], None]


def of_listings(listings: Mapping[str, Callable[[], Path]]) -> LabelSource:
    """The labels of runs' listings by their keys, oldest first, in one table."""

    def add(tables: dict[str, Labels]) -> None:
        import pyarrow.parquet as pq

        table = tables.setdefault(TITLE, Labels())
        for path in listings.values():
            with pq.ParquetFile(path()) as file:
                for batch in file.iter_batches(columns=[TITLE, CATEGORY], use_threads=False):
                    table.add(batch.column(TITLE).to_pylist(), batch.column(CATEGORY).to_pylist())

    return LabelSource(tuple(listings), add)


def tables_of(sources: Sequence[LabelSource], refuse: Callable[[BadData], None]) -> list[Labels]:
    """The labels of each source, in tables of its own; those of a later source take precedence.

    Args:
        sources: Where the labels come from.
        refuse: Called with the error of a source that cannot be read, which is then left out.
    """
    found: list[Labels] = []
    for source in sources:
        tables: dict[str, Labels] = {}
        try:
            source.add(tables)
        except BadData as error:
            refuse(error)
            continue
        for table in tables.values():
            table.settle()
        found += [table for table in tables.values() if len(table.hashes)]
    return found


def of_source(spec: str, settings: Settings, as_of: date) -> LabelSource:
    """The labels of the files of a source, each with the columns title and category, or another one and category.

    Raises:
        BadData: there are no files.
    """
    source = identify(spec, as_of, settings)

    def add(tables: dict[str, Labels]) -> None:
        with tempfile.TemporaryDirectory(prefix="meli-labels-") as folder:
            fetch(source.spec, Path(folder), settings, source.identity)
            for file in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
                _add_file(file, tables, settings.reading_limits)

    return LabelSource((source.identity,), add)


def _add_file(path: Path, tables: dict[str, Labels], limits: ReadingLimits) -> None:
    with RowFile(path, limits) as file:
        key = _key_column(file)
        table = tables.setdefault(fold(key), Labels(fold(key)))
        for keys, categories in columns_of(file, (key, CATEGORY)):
            table.add(keys_of(key, keys), [(name or "").strip() for name in categories])


def _key_column(file: RowFile) -> str:
    """The column that identifies the title of a label."""
    if find_column(file.names, CATEGORY) is None:
        raise BadData(missing_column(file.name, CATEGORY, file.names))
    if find_column(file.names, TITLE) is not None:
        return TITLE
    others = [name for name in file.names if fold(name) != CATEGORY]
    if len(others) != 1:
        raise BadData(
            f"{file.name}: labels need a column `title`, or one other column beside `category` that the scored files "
            f"have too, such as an id. Its columns: {', '.join(file.names)}."
        )
    return others[0]


def columns_of(file: RowFile, names: Sequence[str]) -> Iterator[tuple[Sequence[str | None], ...]]:
    """Some columns of a file as text, chunk by chunk; empty texts for one that rows do not have."""
    places = [place for name in names if (place := find_column(file.names, name, exact_first=file.keyed)) is not None]
    for chunk in file.chunks(None if file.keyed else sorted(set(places))):
        rows = chunk.whole().rows
        found = [find_column(rows.names, name, exact_first=file.keyed) for name in names]
        yield tuple([""] * len(rows) if place is None else rows.texts(place) for place in found)
