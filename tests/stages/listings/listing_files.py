"""Files of listings for the tests of ingest, and what ingest makes of them."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from meli_tasks.core.stage_parameters import Ingest
from meli_tasks.stages import ingest
from meli_tasks.stages.hooks import Hooks
from meli_tasks.stages.summaries import IngestSummary

Row = dict[str, str | None]


FEW = {"min_category_rows": 1}
LENIENT = {"min_category_rows": 1, "max_bad_fraction": 1.0}


def run(source: Path, out: Path, params: dict[str, Any] | None = None) -> IngestSummary:
    return ingest.run({"source": source}, out, Ingest.model_validate(FEW if params is None else params), Hooks())


def listings(out: Path) -> list[Row]:
    rows: list[Row] = pq.read_table(out / "listings.parquet").to_pylist()
    return rows


def quarantine(out: Path) -> list[dict[str, Any]]:
    with gzip.open(out / "quarantine.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def csv_of(rows: list[dict[str, Any]], names: list[str] | None = None, **options: Any) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, names or list(rows[0]), lineterminator="\n", **options)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def some_rows(count: int = 60) -> list[dict[str, str]]:
    return [
        {
            "title": f"Sillón número {number}" if number % 2 else f'Tv 32", usada {number}',
            "label_quality": "reliable" if number % 3 else "unreliable",
            "language": "spanish" if number % 4 else "portuguese",
            "category": "SOFAS" if number % 2 else "TELEVISIONS",
        }
        for number in range(count)
    ]


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def as_parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def as_json_lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
