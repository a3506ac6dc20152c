"""Listings out of a file of any format we know."""

from __future__ import annotations

from collections.abc import Iterator

from meli_tasks.core.errors import BadData
from meli_tasks.stages.listings.csv_rows import read_csv
from meli_tasks.stages.listings.files import Opened, line_blocks, lines_of, refuse_foreign
from meli_tasks.stages.listings.json_rows import read_json_lines
from meli_tasks.stages.listings.parquet_rows import read_parquet
from meli_tasks.stages.listings.rows import Rows

_START_BYTES = 1 << 16


def read(file: Opened, max_field: int, date_column: str = "") -> Iterator[Rows]:
    """The rows of a file of listings; its format is told by its first bytes.

    The column that `date_column` names is read as DATE; "" names none. A CSV field longer than `max_field` characters
    makes a bad row. Raises BadData when the file as a whole cannot be read: damaged, of another format, or without a
    column that is needed.
    """
    start = file.read(_START_BYTES)
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"PAR1"):
        return read_parquet(file, date_column)
    refuse_foreign(file.name, start)
    if text.startswith(b"["):
        raise BadData(f"{file.name}: this is one JSON array. Write an object a line instead: jq -c '.[]' old > new.")
    blocks = line_blocks(start, file)
    if text.startswith(b"{"):
        return read_json_lines(file.name, map(lines_of, blocks), date_column)
    return read_csv(file.name, blocks, max_field, date_column)
