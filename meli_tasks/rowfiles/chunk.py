"""What passes between a reader and a writer: some consecutive rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from meli_tasks.core.errors import BadData

Kind = Literal["csv", "jsonl", "parquet"]
Row = dict[str, Any]

SUFFIXES: dict[str, Kind] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}


@dataclass
class Chunk:
    """Rows either as dictionaries (`given`) or as a pyarrow.RecordBatch (`batch`), whichever the file holds.

    `header` lists the columns where the file does. `all_text`: every row has exactly the header's columns, in its
    order, all of them text, as in a CSV file. `problems` says of a row, by position, why it could not be read.
    """

    given: list[Row] | None = None
    batch: Any = None
    header: list[str] | None = None
    all_text: bool = False
    problems: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.batch) if self.given is None else len(self.given)

    @cached_property
    def rows(self) -> list[Row]:
        """The rows as dictionaries by column."""
        rows: list[Row] = self.batch.to_pylist() if self.given is None else self.given
        return rows

    @cached_property
    def columns(self) -> list[str]:
        """Column names: the header's, or in the order in which the rows bring them."""
        if self.header is not None:
            return self.header
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def column(self, name: str) -> list[Any]:
        """The values of one column; None where a row lacks it."""
        if self.given is not None:
            return [row.get(name) for row in self.given]
        values: list[Any] = self.batch.column(name).to_pylist()
        return values


def kind_of(path: Path) -> tuple[Kind, bool]:
    """The kind of a file and whether it is gzipped, by its suffixes.

    Raises:
        BadData: another suffix.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    gzipped = suffixes[-1:] == [".gz"]
    kind = SUFFIXES.get(suffixes[-2 if gzipped else -1]) if len(suffixes) > gzipped else None
    if kind is None:
        raise BadData(
            f"{path}: its name does not say what kind of file it is. "
            f"Known endings: .csv, .jsonl, .parquet, .csv.gz, .jsonl.gz."
        )
    if kind == "parquet" and gzipped:
        raise BadData(f"{path}: Parquet is compressed inside; leave out the .gz.")
    return kind, gzipped
