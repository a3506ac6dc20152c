"""Categories for every row of a file, a chunk at a time: the length of the file does not change the memory it takes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from meli_tasks.core.errors import BadData
from meli_tasks.prediction.cells import cells_of
from meli_tasks.prediction.ranking import Predictions, Ranker, predict_titles
from meli_tasks.rowfiles.columns import TITLE, find_column, fold, missing_column, refuse_twins, renamed_twins
from meli_tasks.rowfiles.encodings import BAD_ENCODING, FileEncoding
from meli_tasks.rowfiles.kinds import kind_of
from meli_tasks.rowfiles.limits import ReadingLimits
from meli_tasks.rowfiles.reading import RowFile
from meli_tasks.rowfiles.rows import Rows, WholeRows
from meli_tasks.rowfiles.text import has_foreign_bytes
from meli_tasks.rowfiles.text_columns import TextColumn
from meli_tasks.rowfiles.titles import cleaned, problems_of
from meli_tasks.rowfiles.values import can_be_joined
from meli_tasks.rowfiles.writing import AddedKind, RowTarget

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH_ROWS = 4096
_NAMED_LINES = 20
ADDED: dict[str, AddedKind] = {
    "category": "text",
    "probability": "number",
    "categories": "texts",
    "probabilities": "numbers",
    "known": "flag",
}


@dataclass
class Progress:
    """The progress of a prediction."""

    rows: int = 0
    fraction: float = 0.0
    """Of the input, 0 to 1."""
    seconds: float = 0.0
    unknown_rows: int = 0
    """Rows whose title is fine but has no word that the model knows: they have no category either."""
    bad: Counter[str] = field(default_factory=Counter)
    """Rows without a prediction, by reason."""
    bad_lines: dict[str, list[int]] = field(default_factory=dict)
    """The lines of the first of them, by reason; in a Parquet file, the rows' numbers."""
    renamed: dict[str, str] = field(default_factory=dict)
    """The output's names of columns that could not keep theirs, by the name in the input."""
    base64: Counter[str] = field(default_factory=Counter)
    """Values that were bytes and not text, and were written in base64, by column."""
    escaped: Counter[str] = field(default_factory=Counter)
    """Values with bytes that are not UTF-8, which were written as escapes such as \\xf1, by column."""
    lists_as_json: bool = False
    """Whether ranked categories are JSON lists in CSV, because a category's name contains what joins them."""
    encoding_advice: str = ""
    """What to do about rows that are not UTF-8; "" if all are."""
    doubtful_lines: list[int] = field(default_factory=list)
    """Where CSV rows are of which a field of several lines looks like rows, as after a quote opened by mistake."""

    @property
    def bad_rows(self) -> int:
        """Rows whose title cannot be read."""
        return self.bad.total()

    @property
    def failed(self) -> bool:
        """Whether no row at all could be classified, though there are some."""
        return 0 < self.rows == self.bad_rows

    def add_bad(self, lines: NDArray[np.int64], reasons: Sequence[str]) -> None:
        """Count the rows that have a reason; `lines` and `reasons` are those of all rows, "" for a classified one."""
        if not any(reasons):
            return
        self.bad.update(filter(None, reasons))
        for position in (at for at, reason in enumerate(reasons) if reason):
            first = self.bad_lines.setdefault(reasons[position], [])
            if len(first) < _NAMED_LINES:
                first.append(int(lines[position]))

    @property
    def rows_per_second(self) -> float:
        """Rows per second since the start."""
        return self.rows / self.seconds if self.seconds else 0.0


def check_files(source: Path, target: Path) -> None:
    """Check whether both files can be used, reading no further than the input's first block.

    Raises:
        BadData: `predict_file` would fail immediately.
    """
    refuse_same_file(source, target)
    with RowFile(source) as file:
        title_column(file)
    kind_of(target)
    if target.is_dir() or not target.parent.is_dir():
        raise BadData(
            f"{target} cannot be written: "
            + ("it is a folder." if target.is_dir() else f"there is no folder {target.parent}.")
        )


def predict_file(
    classifier: Ranker,
    source: Path,
    target: Path,
    *,
    top: int = 5,
    report: Callable[[Progress], None] = lambda progress: None,
    batch_rows: int = BATCH_ROWS,
    limits: ReadingLimits | None = None,
) -> Progress:
    """Copy a file of rows, adding the columns of `ADDED`; see `predict_batches`.

    Args:
        classifier: the model.
        source: CSV, JSON Lines or Parquet, recognised by its content.
        target: the kind is given by its suffix.
        top: how many categories to rank.
        report: called after each batch.
        batch_rows: rows that are classified and written together.
        limits: what the source may take while it is read.

    Raises:
        BadData: the source cannot be read, has no column `title`, or is the target.
        DiskFull: there is no space left.
    """
    progress = Progress()
    for progress in predict_batches(classifier, source, target, top=top, batch_rows=batch_rows, limits=limits):
        report(progress)
    return progress


def predict_batches(
    classifier: Ranker,
    source: Path,
    target: Path,
    *,
    top: int = 5,
    batch_rows: int = BATCH_ROWS,
    only_column: bool = False,
    for_spreadsheets: bool = False,
    limits: ReadingLimits | None = None,
) -> Iterator[Progress]:
    """Copy a file of rows, adding the columns of `ADDED`: the `top` ranked categories of each title.

    Titles are read as training reads them. Columns of the input that have the added names are kept as `given_<name>`.
    Every row is kept; one that cannot be classified gets an empty category. `known` is false if the model knows no word
    of the title, and empty if there is no usable title. The target appears whole or not at all.

    Args:
        classifier: the model.
        source: CSV, JSON Lines or Parquet, recognised by its content.
        target: the kind is given by its suffix.
        top: how many categories to rank.
        batch_rows: rows that are classified and written together.
        only_column: whether the only column of a file has the titles, whatever its name.
        for_spreadsheets: whether CSV gets a quote before texts that a spreadsheet would run as formulas.
        limits: what the source may take while it is read.

    Yields:
        The progress after each batch: the same object, which is complete once the iteration ends.

    Raises:
        BadData: the source cannot be read, has no column `title`, or is the target.
        DiskFull: there is no space left.
    """
    refuse_same_file(source, target)
    progress, started = Progress(), time.monotonic()
    with RowFile(source, limits) as file, RowTarget(target, ADDED, for_spreadsheets=for_spreadsheets) as writer:
        named = title_column(file, only_column)
        twins = {} if file.keyed else renamed_twins(file.names)
        encoding = FileEncoding(file.name, file.typed)
        progress.lists_as_json = writer.kind == "csv" and not all(map(can_be_joined, classifier.categories))
        for batch in _batches(file, batch_rows, progress.doubtful_lines):
            rows = batch.rows
            given = given_names(rows.names)
            progress.renamed.update({**twins, **given})
            titles, reasons = _titles(batch, named, file.keyed)
            progress.add_bad(batch.lines, reasons)
            encoding.add(_texts(rows, titles, file.typed), _lines_of(BAD_ENCODING, batch, reasons))
            predictions = predict_titles(classifier, titles, reasons, top)
            writer.write(rows, _added(predictions, writer.kind, progress.lists_as_json), given)
            progress.base64.update({} if writer.kind == "parquet" else rows.base64_values())
            progress.escaped.update({} if file.typed else _escaped(rows))
            progress.rows += len(rows)
            progress.unknown_rows += predictions.unknown_rows
            progress.fraction, progress.seconds = file.fraction_read(), time.monotonic() - started
            yield progress
        progress.encoding_advice = encoding.advice()
    progress.fraction, progress.seconds = 1.0, time.monotonic() - started


def _added(predictions: Predictions, kind: str, lists_as_json: bool) -> Mapping[str, Sequence[object]]:
    """The added columns; for CSV as text already, which is much faster than field by field."""
    cells = cells_of(predictions) if kind == "csv" and not lists_as_json else None
    return predictions.columns(lists_as_json) if cells is None else cells


def _titles(batch: WholeRows, column: str, keyed: bool) -> tuple[list[str], list[str]]:
    """The titles of some rows, and why they cannot be classified, "" if they can."""
    rows = batch.rows
    place = find_column(rows.names, column, exact_first=keyed)
    titles = cleaned([None] * len(rows) if place is None else rows.texts(place))
    reasons = problems_of(titles)
    kinds = {} if place is None else rows.no_texts(place)
    for row, reason in {**{row: f"{TITLE} is {kind}" for row, kind in kinds.items()}, **batch.problems}.items():
        reasons[row] = reason
    return titles, reasons


def _texts(rows: Rows, titles: Sequence[str], typed: bool) -> Iterator[Sequence[str | None]]:
    """The texts that show a file's encoding: all of them, as a conversion would convert all."""
    return iter([titles]) if typed else map(rows.texts, range(len(rows.names)))


def _escaped(rows: Rows) -> Counter[str]:
    """How many values of each column hold bytes that are not UTF-8."""
    found: Counter[str] = Counter()
    for place, name in enumerate(rows.names):
        column = rows.texts(place)
        if isinstance(column, TextColumn):
            continue
        if has_foreign_bytes("".join(filter(None, column))):  # one look at a whole column, as nearly all have none
            found[name] += sum(value is not None and has_foreign_bytes(value) for value in column)
    return found


def _lines_of(reason: str, batch: WholeRows, reasons: Sequence[str]) -> list[int]:
    if reason not in reasons:
        return []
    return [line for line, found in zip(batch.lines.tolist(), reasons, strict=True) if found == reason]


def _batches(file: RowFile, batch_rows: int, doubtful: list[int]) -> Iterator[WholeRows]:
    """The file's rows, bad ones in their places; one batch at least. Adds the lines of doubtful ones."""
    for number, chunk in enumerate(file.chunks()):
        doubtful += chunk.doubtful
        whole = chunk.whole()
        rows = len(whole.rows)
        if number and not rows:
            continue
        for start in range(0, max(rows, 1), batch_rows):
            yield whole.slice(start, min(start + batch_rows, rows))


def given_names(columns: Sequence[str]) -> dict[str, str]:
    """New names for the input's columns that would collide with the added ones, whatever their case."""
    renamed, taken = {}, set(columns)
    for name in sorted(name for name in columns if fold(name) in ADDED):
        new = f"given_{name.strip()}"
        while new in taken:
            new = f"given_{new}"
        taken.add(new)
        renamed[name] = new
    return renamed


def refuse_same_file(source: Path, target: Path) -> None:
    """Refuse to write over the input, under whatever name.

    Raises:
        BadData: both are one file.
    """
    same = source.resolve() == target.resolve() or (source.exists() and target.exists() and source.samefile(target))
    if same:
        raise BadData(f"Input and output are the same file, {source}. Give the output another name.")


def title_column(file: RowFile, only_column: bool = False) -> str:
    """The name of the column with the titles.

    Args:
        file: the file.
        only_column: whether a file's only column has the titles, whatever its name.

    Raises:
        BadData: there is none, or more than one.
    """
    if only_column and not file.keyed and len(file.names) == 1:
        return file.names[0]
    if file.keyed and not file.names:
        raise BadData(f"{file.name}: none of its first lines is a JSON object. JSON Lines has one object per line.")
    if not file.keyed:
        refuse_twins(file.name, file.names, TITLE)
    if find_column(file.names, TITLE) is None:
        raise BadData(missing_column(file.name, TITLE, file.names))
    return TITLE
