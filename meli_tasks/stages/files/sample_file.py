"""Writes the sample to a file, so that ingest reads a `sample:` source like any other."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from meli_tasks.core.sample.generator import COLUMNS, sample
from meli_tasks.stages.files.arrow_columns import texts

_SCHEMA = pa.schema([(name, pa.string()) for name in COLUMNS])


def write_sample(path: Path, rows: int, seed: int, wrong_fraction: float, day: date | None = None) -> None:
    """Write the first `rows` rows of the sample (of the given `day`) to a Parquet file, one chunk at a time."""
    with pq.ParquetWriter(path, _SCHEMA, compression="lz4", use_dictionary=list(COLUMNS[1:])) as writer:
        for chunk in sample(rows, seed, wrong_fraction=wrong_fraction, day=day):
            writer.write_table(pa.Table.from_arrays([texts(chunk[name]) for name in COLUMNS], schema=_SCHEMA))
