"""A slice of a Parquet file's row groups as a file of its own."""

from __future__ import annotations

from pathlib import Path

from meli_tasks.core.errors import BadData

_ROWS = 65_536
_BUFFER_BYTES = 1 << 20


def cut(source: Path, target: Path, name: str, place: int, slices: int) -> tuple[Path | None, int]:
    """Write one of `slices` equal parts of the row groups to `target`, page by page.

    Args:
        source: The file.
        target: Where to write the slice.
        name: The file, for messages.
        place: Which slice, from 0.
        slices: How many slices there are.

    Returns:
        The file with the slice, and the rows before it; None for an empty slice. A file that is not Parquet, whatever
        its name, is one slice.

    Raises:
        BadData: the file is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with source.open("rb") as file:
        if file.read(4) != b"PAR1":
            return (None if place else source), 0
    try:
        with pq.ParquetFile(source, pre_buffer=False, buffer_size=_BUFFER_BYTES) as parquet:
            total = parquet.num_row_groups
            first, last = total * place // slices, total * (place + 1) // slices
            before = sum(parquet.metadata.row_group(group).num_rows for group in range(first))
            if first == last and (total or place):
                return None, before
            with pq.ParquetWriter(target, parquet.schema_arrow) as writer:
                for batch in parquet.iter_batches(_ROWS, row_groups=list(range(first, last))):
                    writer.write_batch(batch)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise BadData(f"{name}: this Parquet file is damaged ({reason}). Write or fetch it again.") from None
    return target, before
