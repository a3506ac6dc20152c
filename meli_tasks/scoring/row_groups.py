"""A slice of a Parquet file's row groups as a file of its own."""

from __future__ import annotations

from pathlib import Path

from meli_tasks.rowfiles.limits import ReadingLimits

_ROWS = 65_536
_BUFFER_BYTES = 1 << 20


def cut(  # noqa: PLR0917 - what is cut, and where to
    source: Path, target: Path, name: str, place: int, slices: int, limits: ReadingLimits
) -> tuple[Path | None, int]:
    """Write one of `slices` equal parts of the row groups to `target`, page by page.

    Args:
        source: The file.
        target: Where to write the slice.
        name: The file, for messages.
        place: Which slice, from 0.
        slices: How many slices there are.
        limits: What the rows may take while they are read.

    Returns:
        The file with the slice, and the rows before it; None for an empty slice. A file that is not Parquet, whatever
        its name, is one slice.

    Raises:
        BadData: the file is damaged.
    """
    import pyarrow.parquet as pq

    from meli_tasks.rowfiles.parquet_pages import batch_rows
    from meli_tasks.rowfiles.parquet_rows import damage_explained

    with source.open("rb") as file:
        if file.read(4) != b"PAR1":
            return (None if place else source), 0
    with damage_explained(name), pq.ParquetFile(source, pre_buffer=False, buffer_size=_BUFFER_BYTES) as parquet:
        total = parquet.num_row_groups
        first, last = total * place // slices, total * (place + 1) // slices
        before = sum(parquet.metadata.row_group(group).num_rows for group in range(first))
        if first == last and (total or place):
            return None, before
        with source.open("rb") as pages:
            most = batch_rows(parquet, pages, parquet.schema_arrow.names, _ROWS, limits.batch_bytes)
        with pq.ParquetWriter(target, parquet.schema_arrow) as writer:
            for batch in parquet.iter_batches(most, row_groups=list(range(first, last))):
                writer.write_batch(batch)
    return target, before
