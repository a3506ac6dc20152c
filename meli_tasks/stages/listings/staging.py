"""The first pass over a source: read, check, count, and put the usable rows down in a file of our own."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from meli_tasks.core.errors import BadData
from meli_tasks.core.hyperparameters import Ingest
from meli_tasks.core.text.splits import SPLITS, split_of
from meli_tasks.rowfiles.reading import RowFile
from meli_tasks.rowfiles.text import has_foreign_bytes
from meli_tasks.stages.files.arrow_columns import integers, texts
from meli_tasks.stages.files.prefetch import prefetch
from meli_tasks.stages.hooks import Log
from meli_tasks.stages.listings.checking import Checked, check
from meli_tasks.stages.listings.quarantine import Quarantine
from meli_tasks.stages.listings.rows import DATE, ListingRows, read_listings

_TEXTS = ("title", "category", "language", "label_quality", "split")
LISTINGS = pa.schema([("row", pa.int64()), *((name, pa.string()) for name in _TEXTS)])
NO_SPLIT = 255
"""In `own_split`, for a row that the source gives none."""
_ORIGIN = [("file", pa.int32()), ("line", pa.int64())]
_SPLITS = [("own_split", pa.uint8()), ("hashed_split", pa.uint8())]
_STAGED = pa.schema([*[field for field in LISTINGS if field.name != "split"], *_ORIGIN, *_SPLITS])

_SECONDS_BETWEEN_REPORTS = 0.5
_FOREIGN_TEXTS = 1_000


@dataclass
class Staged:
    """What the first pass found."""

    files: list[Path]
    rows: int = 0
    """All rows seen, bad ones too."""
    groups: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    """Usable rows by category and by the split that the source gives them."""
    unwanted: Counter[str] = field(default_factory=Counter)
    """ListingRows that the parameters left out, by parameter."""
    foreign: list[str] = field(default_factory=list)
    """Some texts that are not UTF-8, to tell their encoding by."""

    @property
    def asked(self) -> int:
        """The rows that can be bad: all but those of other days, which might not even have been there on the day."""
        return self.rows - self.unwanted[DATE]

    def categories(self) -> Counter[str]:
        """Usable rows by category."""
        sizes: Counter[str] = Counter()
        for (category, _), rows in self.groups.items():
            sizes[category] += rows
        return sizes

    def add(self, rows: ListingRows, checked: Checked) -> None:
        """Counts a chunk."""
        self.rows += len(rows.lines) + len(rows.bad)
        self.unwanted += checked.unwanted
        if "split" in rows.columns:
            self.groups.update(zip(checked.categories, checked.splits, strict=True))
        else:
            self.groups.update({(category, None): count for category, count in Counter(checked.categories).items()})
        if len(self.foreign) < _FOREIGN_TEXTS and any(row.reason == "bad encoding" for row in checked.bad):
            self.foreign += [
                text for column in rows.columns.values() for text in column if text and has_foreign_bytes(text)
            ]


def stage(files: list[Path], target: Path, params: Ingest, quarantine: Quarantine, log: Log) -> Staged:
    """Writes the usable rows of all files to `target`, an Arrow stream, with their origin; the bad ones to quarantine.

    Raises BadData when a file as a whole cannot be read.
    """
    staged, started, reported = Staged(files), time.monotonic(), 0.0
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.OSFile(str(target), "wb") as sink, pa.ipc.new_stream(sink, _STAGED, options=options) as writer:
        for number, path in enumerate(files):
            before = staged.rows
            with RowFile(path) as file:
                chunks = prefetch(read_listings(file, params.date_column))
                for rows, checked, table in prefetch(_tables(chunks, params, number, before)):
                    quarantine.add(path.name, checked.bad)
                    writer.write_table(table)
                    staged.add(rows, checked)
                    seconds = time.monotonic() - started
                    if seconds - reported >= _SECONDS_BETWEEN_REPORTS:
                        reported = seconds
                        share = (number + file.fraction_read()) / len(files)
                        log.progress(
                            rows=staged.rows, share=round(share, 3), rows_per_second=round(staged.rows / seconds)
                        )
            if staged.rows == before:
                raise BadData(f"{path.name}: there is a header, but no row below it. Listings were expected there.")
    return staged


def _tables(
    chunks: Iterator[ListingRows], params: Ingest, file: int, first_row: int
) -> Iterator[tuple[ListingRows, Checked, pa.Table]]:
    """Each chunk of a file, what of it can be used, and that as it is staged. `first_row`: rows of the files before."""
    for rows in chunks:
        checked = check(rows, params)
        yield rows, checked, _table(checked, file, first_row)
        first_row += len(rows.lines) + len(rows.bad)


def _table(checked: Checked, file: int, first_row: int) -> pa.Table:
    codes: dict[str | None, int] = {**{name: index for index, name in enumerate(SPLITS)}, None: NO_SPLIT}
    count = len(checked.titles)
    own = map(codes.__getitem__, checked.splits)
    return pa.Table.from_arrays(
        [
            integers(checked.positions + first_row),
            texts(checked.titles),
            texts(checked.categories),
            texts(checked.languages),
            texts(checked.label_qualities),
            integers(np.full(count, file, dtype=np.int32)),
            integers(checked.lines),
            integers(np.fromiter(own, dtype=np.uint8, count=count)),
            integers(split_of(checked.titles)),
        ],
        schema=_STAGED,
    )
