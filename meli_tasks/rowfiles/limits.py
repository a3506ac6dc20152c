"""How much a file of rows may take of the machine that reads it: a few bytes can stand for gigabytes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadingLimits:
    """The limits of one file. They are generous: what exceeds them is a mistake, or made to do harm.

    Args:
        decompressed_bytes: Of a gzipped file, as text or as Parquet.
        rows: Of a file.
        batch_bytes: Of memory that some rows of a Parquet file, or one of its pages, may take at once.
        columns: Of a file, and of a block of lines of JSON.
    """

    decompressed_bytes: int = 200_000_000_000
    rows: int = 500_000_000
    batch_bytes: int = 1 << 30
    columns: int = 10_000
