"""From listings to arrays of word numbers, batch by batch, so that memory does not grow with the number of titles.

Words are numbered in the order in which they occur, because their ids depend on their frequencies, which are known only
at the end. Then the numbers are read again and written as ids.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from meli_tasks.core.errors import NotFound
from meli_tasks.stages.encoding.word_numbers import Pieces, WordNumbers, pieces_of
from meli_tasks.stages.files.arrow_columns import integers, numbers_by_value
from meli_tasks.stages.files.npy_writer import GrowingArray
from meli_tasks.stages.files.prefetch import prefetch
from meli_tasks.stages.hooks import Log

SPLITS = ("train", "validation")

ROWS_A_BATCH = 262_144
TOKENS_A_CHUNK = 1 << 22
_SECONDS_BETWEEN_REPORTS = 0.5
_REPEATING = ["category", "label_quality", "split"]
_NONE = -1


def count_titles(listings: Path) -> dict[str, Counter[str]]:
    """Count the titles of each category, by split."""
    found: dict[str, Counter[str]] = {split: Counter() for split in SPLITS}
    for batch in _batches(listings, ["category", "split"]):
        categories: list[str] = batch.column("category").dictionary.to_pylist()
        number_of: dict[str | None, int] = {name: number for number, name in enumerate(categories)}
        labels = numbers_by_value(batch.column("category"), number_of.__getitem__)
        splits = _splits(batch)
        for number, split in enumerate(SPLITS):
            counts = np.bincount(labels[splits == number], minlength=len(categories)).tolist()
            found[split].update({name: rows for name, rows in zip(categories, counts, strict=True) if rows})
    return found


@dataclass(frozen=True)
class Titles:
    """Titles of one split, split at spaces, with their labels and whether these are reliable, shape (titles,)."""

    split: str
    pieces: Pieces
    labels: NDArray[np.int32]
    reliable: NDArray[np.bool_]


def read_titles(listings: Path, categories: Sequence[str], tokenizer: str) -> Iterator[Titles]:
    """Yield all titles of the known categories, in order within each split; labels are positions in `categories`."""
    label_of = {category: label for label, category in enumerate(categories)}
    for batch in prefetch(_batches(listings, ["title", *_REPEATING])):
        titles = batch.column("title").cast(pa.string())
        labels = numbers_by_value(batch.column("category"), lambda name: label_of.get(name or "", _NONE))
        reliable = numbers_by_value(batch.column("label_quality"), lambda name: name != "unreliable") == 1
        splits = _splits(batch)
        for number, split in enumerate(SPLITS):
            rows = np.flatnonzero((splits == number) & (labels != _NONE))
            if len(rows):
                pieces = pieces_of(titles.take(integers(rows)), tokenizer)
                yield Titles(split, pieces, labels[rows], reliable[rows])


def _batches(listings: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    if not listings.exists():
        raise NotFound(f"{listings} does not exist: has ingest run?")
    # Without pre_buffer and with a small buffer, row groups of any size are read page by page.
    with pq.ParquetFile(listings, read_dictionary=_REPEATING, pre_buffer=False, buffer_size=1 << 20) as file:
        yield from file.iter_batches(ROWS_A_BATCH, columns=columns, use_threads=False)


def _splits(batch: pa.RecordBatch) -> NDArray[np.int32]:
    """The position of each row's split in SPLITS, shape (rows,)."""
    return numbers_by_value(batch.column("split"), lambda name: SPLITS.index(name) if name in SPLITS else _NONE)


class _SplitFiles:
    """The growing files of one split; `numbers` are those of WordNumbers, not ids."""

    def __init__(self, out: Path, split: str) -> None:
        self._files = {
            name: GrowingArray(out / f"{split}.{name}.npy", dtype)
            for name, dtype in (
                ("numbers", np.int32), ("offsets", np.int64), ("labels", np.int32), ("reliable", np.bool_)
            )
        }  # fmt: skip
        self._files["offsets"].append(np.zeros(1, np.int64))
        self.empty = 0
        self.titles = 0

    def append(self, titles: Titles, numbers: NDArray[np.int32], lengths: NDArray[np.int64]) -> None:
        self._files["offsets"].append(np.cumsum(lengths) + self._files["numbers"].length)
        self._files["numbers"].append(numbers)
        self._files["labels"].append(titles.labels)
        self._files["reliable"].append(titles.reliable)
        self.empty += int((lengths == 0).sum())
        self.titles += len(lengths)

    @property
    def words(self) -> int:
        return self._files["numbers"].length

    def __enter__(self) -> Self:
        self._opened = ExitStack()
        for file in self._files.values():
            self._opened.enter_context(file)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)


@dataclass(frozen=True)
class Numbered:
    """The words and statistics of titles that have been numbered."""

    words: list[str]
    """All words of both splits, by number."""
    frequencies: NDArray[np.int64]
    """Occurrences of each word in the training titles, or the titles that contain it, shape (words,)."""
    word_totals: dict[str, int]
    """Number of words of the titles, without boundary tokens, by split."""
    empty_fraction: dict[str, float]
    """Fraction of the titles without words, by split."""


def number_titles(
    out: Path, titles: Iterator[Titles], numbers: WordNumbers, *, word_frequency: str, rows: int, log: Log
) -> Numbered:
    """Write `numbers` (to be renumbered), offsets, labels and reliable for each split.

    Args:
        out: The folder for the files.
        titles: The titles of both splits.
        numbers: Numbers their words.
        word_frequency: What a word's frequency counts, "occurrences" or "titles".
        rows: The number of titles, to report progress.
        log: Where progress is reported.
    """
    frequencies = np.zeros(0, np.int64)
    started, reported = time.monotonic(), 0.0
    with ExitStack() as opened:
        files = {split: opened.enter_context(_SplitFiles(out, split)) for split in SPLITS}
        for some in prefetch(titles):
            tokens, lengths = numbers.encode(some.pieces)
            files[some.split].append(some, tokens, lengths)
            if some.split == "train":
                counted = tokens if word_frequency == "occurrences" else once_per_title(tokens, lengths)
                frequencies = _added(frequencies, np.bincount(counted, minlength=len(numbers)))
            seconds = time.monotonic() - started
            if seconds - reported >= _SECONDS_BETWEEN_REPORTS:
                reported, done = seconds, sum(file.titles for file in files.values())
                log.progress(rows=done, fraction=round(done / rows, 3), rows_per_second=round(done / seconds))
    return Numbered(
        numbers.words,
        _added(frequencies, np.zeros(len(numbers), np.int64)),
        {split: file.words - numbers.boundary_tokens * (file.titles - file.empty) for split, file in files.items()},
        {split: file.empty / file.titles for split, file in files.items()},
    )


def once_per_title(tokens: NDArray[np.int32], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The word numbers of the titles without repetitions inside a title.

    Args:
        tokens: The concatenated word numbers of the titles.
        lengths: Words per title, shape (titles,).
    """
    width = int(tokens.max(initial=-1)) + 1
    title = np.repeat(np.arange(len(lengths)), lengths)
    return np.unique(title * width + tokens) % max(width, 1)


def _added(counts: NDArray[np.int64], more: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sum of two counts, of which the second may contain more words."""
    grown = more.astype(np.int64)
    grown[: len(counts)] += counts
    return grown


def renumber(out: Path, split: str, ids: NDArray[np.int32], counted: NDArray[np.bool_]) -> int:
    """Write the tokens of a split from its numbers, and delete these. Returns how many tokens are `counted`.

    `ids` and `counted` are by number.
    """
    source, total = out / f"{split}.numbers.npy", 0
    with source.open("rb") as numbers, GrowingArray(out / f"{split}.tokens.npy", np.int32) as tokens:
        np.lib.format.read_magic(numbers)
        np.lib.format.read_array_header_1_0(numbers)
        while len(some := np.fromfile(numbers, np.int32, TOKENS_A_CHUNK)):
            tokens.append(ids[some])
            total += int(counted[some].sum())
    source.unlink()
    return total
