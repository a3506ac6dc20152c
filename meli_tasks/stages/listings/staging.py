"""The first pass over a source: read, check, count, and write the usable rows to a temporary file."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from meli_tasks.core.errors import BadData
from meli_tasks.core.stage_parameters import Ingest
from meli_tasks.core.text.splits import SPLITS, split_of
from meli_tasks.rowfiles.encodings import BAD_ENCODING, FileEncoding
from meli_tasks.rowfiles.folders import SourceFile
from meli_tasks.rowfiles.limits import ReadingLimits
from meli_tasks.rowfiles.opening import NoRows
from meli_tasks.rowfiles.reading import RowFile
from meli_tasks.rowfiles.text import has_foreign_bytes
from meli_tasks.stages.files.arrow_columns import integers, texts
from meli_tasks.stages.files.prefetch import prefetch
from meli_tasks.stages.hooks import Hooks, Log
from meli_tasks.stages.listings.checking import Checked, check
from meli_tasks.stages.listings.dates import since_1970
from meli_tasks.stages.listings.quarantine import Quarantine
from meli_tasks.stages.listings.rows import DATE, ListingRows, read_listings

_TEXTS = ("title", "category", "language", "label_quality", "split")
LISTINGS = pa.schema([("row", pa.int64()), *((name, pa.string()) for name in _TEXTS)])
DAY = "day"
"""The column of the listings with the day of each title, if they keep it."""
WITH_DAYS = LISTINGS.append(pa.field(DAY, pa.date32()))
NO_SPLIT = 255
"""In `own_split`, for a row to which the source gives none."""
_ORIGIN = [("file", pa.int32()), ("line", pa.int64())]
_SPLITS = [("own_split", pa.uint8()), ("hashed_split", pa.uint8())]
_STAGED = pa.schema([*[field for field in LISTINGS if field.name != "split"], *_ORIGIN, *_SPLITS])
_STAGED_WITH_DAYS = _STAGED.append(WITH_DAYS.field(DAY))

_SECONDS_BETWEEN_REPORTS = 0.5


@dataclass
class StagedRows:
    """What the first pass found."""

    files: list[SourceFile]
    rows: int = 0
    """All rows of the source, bad ones too."""
    empty: list[str] = field(default_factory=list)
    """The names of the files without any row."""
    groups: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    """Usable rows by category and by the split that the source gives them."""
    excluded: Counter[str] = field(default_factory=Counter)
    """Rows that a parameter excludes, by parameter."""
    encodings: list[FileEncoding] = field(default_factory=list)
    """Of the files that were read."""
    doubtful: list[str] = field(default_factory=list)
    """File and line of rows that could be several, the first of which opens a quote by mistake."""

    @property
    def rows_in_window(self) -> int:
        """The rows that can be bad: all but those of other days, which may not have existed on the day."""
        return self.rows - self.excluded[DATE]

    def categories(self) -> Counter[str]:
        """Usable rows by category."""
        sizes: Counter[str] = Counter()
        for (category, _), rows in self.groups.items():
            sizes[category] += rows
        return sizes

    def add(self, rows: ListingRows, checked: Checked) -> None:
        """Count a chunk."""
        self.rows += len(rows.lines) + len(rows.bad)
        self.excluded += checked.excluded
        if "split" in rows.columns:
            self.groups.update(zip(checked.categories, checked.splits, strict=True))
        else:
            self.groups.update({(category, None): count for category, count in Counter(checked.categories).items()})
        foreign = [row.line for row in checked.bad if row.reason == BAD_ENCODING]
        self.encodings[-1].add([column for name, column in rows.columns.items() if name != DATE], foreign)


def stage_rows(
    files: list[SourceFile], target: Path, params: Ingest, quarantine: Quarantine, hooks: Hooks
) -> StagedRows:
    """Write the usable rows of all files to `target`, an Arrow stream, with their origin; the bad ones to quarantine.

    Raises:
        BadData: a file as a whole cannot be read, or none of them holds a row.
    """
    staged, reports = StagedRows(files), _Reports(hooks.log, len(files))
    why_empty: BadData | None = None
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    schema = _STAGED_WITH_DAYS if params.keep_days else _STAGED
    with pa.OSFile(str(target), "wb") as sink, pa.ipc.new_stream(sink, schema, options=options) as writer:
        for number, file in enumerate(files):
            before = staged.rows
            try:
                for table in _stage_file(file, number, staged, params, quarantine, reports, hooks.limits):
                    writer.write_table(table)
                if staged.rows == before:
                    raise NoRows(
                        f"{file.name}: there is a header, but no row below it. At least one listing was expected."
                    )
            except NoRows as error:
                why_empty = why_empty or error
                staged.empty.append(file.name)
    if why_empty and not staged.rows:
        raise why_empty
    return staged


class _Reports:
    """Reports progress from time to time."""

    def __init__(self, log: Log, files: int) -> None:
        self._log, self._files = log, files
        self._started, self._last_report = time.monotonic(), 0.0

    def progress(self, staged: StagedRows, files_read: float) -> None:
        seconds = time.monotonic() - self._started
        if seconds - self._last_report >= _SECONDS_BETWEEN_REPORTS:
            self._last_report = seconds
            fraction = round(files_read / self._files, 3)
            self._log.progress(rows=staged.rows, fraction=fraction, rows_per_second=round(staged.rows / seconds))


def _stage_file(  # noqa: PLR0917 - the file, and where its rows go
    file: SourceFile,
    number: int,
    staged: StagedRows,
    params: Ingest,
    quarantine: Quarantine,
    reports: _Reports,
    limits: ReadingLimits,
) -> Iterator[pa.Table]:
    """The usable rows of a file as tables to write, after they and the bad ones are counted."""
    with RowFile(file.path, limits) as rows_file:
        staged.encodings.append(FileEncoding(file.name, rows_file.typed))
        chunks = prefetch(read_listings(rows_file, params.date_column, file.columns))
        for rows, checked, table in prefetch(_tables(chunks, params, number, staged.rows)):
            quarantine.add(file.name, checked.bad)
            staged.doubtful += [f"{file.name} line {line}" for line in rows.doubtful]
            yield table
            staged.add(rows, checked)
            reports.progress(staged, number + rows_file.fraction_read())
    encoding = staged.encodings[-1]
    if encoding.foreign_rows and not (encoding.typed or encoding.some_utf8):
        encoding.some_utf8 = _has_utf8_letters(file.path, limits)


def _has_utf8_letters(path: Path, limits: ReadingLimits) -> bool:
    """Whether any column of a file, also of those that are not read, holds letters beyond ASCII in UTF-8."""
    with RowFile(path, limits) as file:
        return any(
            text and not text.isascii() and not has_foreign_bytes(text)
            for chunk in file.chunks()
            for place in range(len(chunk.rows.names))
            for text in chunk.rows.texts(place)
        )


def _tables(
    chunks: Iterator[ListingRows], params: Ingest, file: int, first_row: int
) -> Iterator[tuple[ListingRows, Checked, pa.Table]]:
    """Each chunk of a file, its usable rows, and those as a table to stage; `first_row` counts the rows before it."""
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
            *([integers(since_1970(checked.days)).view(pa.date32())] if checked.days is not None else []),
        ],
        schema=_STAGED if checked.days is None else _STAGED_WITH_DAYS,
    )
