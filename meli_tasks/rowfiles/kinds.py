"""Which kind of file to write, by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from meli_tasks.core.errors import BadData

Kind = Literal["csv", "jsonl", "parquet"]

_SUFFIXES: dict[str, Kind] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}


def kind_of(path: Path) -> tuple[Kind, bool]:
    """The kind of a file and whether it is gzipped, by its suffixes.

    Raises:
        BadData: the suffix is not one of a known kind.
    """
    kind, gzipped = _known_kind(path)
    if kind is None:
        raise BadData(
            f"{path}: its name does not say what kind of file it is. "
            f"Known suffixes: .csv, .jsonl, .parquet, .csv.gz, .jsonl.gz."
        )
    if kind == "parquet" and gzipped:
        raise BadData(f"{path}: Parquet files are compressed inside; leave out the .gz.")
    return kind, gzipped


def named_json_lines(name: str) -> bool:
    """Whether the name is that of a JSON Lines file."""
    return _known_kind(Path(name))[0] == "jsonl"


def _known_kind(path: Path) -> tuple[Kind | None, bool]:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    gzipped = suffixes[-1:] == [".gz"]
    return _SUFFIXES.get(suffixes[-2 if gzipped else -1]) if len(suffixes) > gzipped else None, gzipped
