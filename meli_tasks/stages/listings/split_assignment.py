"""The second pass over a source: exclude rare categories, assign splits, write and fingerprint the listings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from meli_tasks.core.errors import BadData
from meli_tasks.core.text.splits import SPLIT_RULE, SPLITS
from meli_tasks.rowfiles.folders import SourceFile
from meli_tasks.rowfiles.rows import BadRow
from meli_tasks.rowfiles.text import excerpt
from meli_tasks.stages.files.arrow_columns import bytes_of, integers, numbers_of, texts
from meli_tasks.stages.files.prefetch import prefetch
from meli_tasks.stages.listings.quarantine import Quarantine
from meli_tasks.stages.listings.staging import DAY, LISTINGS, NO_SPLIT, WITH_DAYS, StagedRows

_FINGERPRINTED = LISTINGS.names[1:]
_REPEATING = [*_FINGERPRINTED[1:], DAY]
_TRAIN = SPLITS.index("train")


@dataclass
class ListingTotals:
    """What the listings contain."""

    rows: int = 0
    languages: Counter[str] = field(default_factory=Counter)
    label_qualities: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    splits_from: str = ""
    split_rule: str = ""
    """The rule that assigned every split; empty if the source assigned any."""
    fingerprint: str = ""
    """SHA-256 over the columns' texts, in order; the same however the source is cut into files and formats."""

    def counters(self) -> dict[str, Counter[str]]:
        """The counters by the column they count."""
        return {"language": self.languages, "label_quality": self.label_qualities, "split": self.splits}


class SplitAssignment:
    """Assigns each row its split: the source's own if it gives one, else by the hash of the title.

    If a source marks no validation rows or no test rows (the course's files have one split per file), they are taken
    from its train rows, by the same hash. If a source marks some rows, a row without a mark cannot be used: the hash
    could put it into another split than its own copy.
    """

    def __init__(self, groups: Counter[tuple[str, str | None]], rare: set[str]) -> None:
        """Decide where splits come from.

        Args:
            groups: usable rows by category and by the split that the source gives them.
            rare: categories whose rows are excluded.

        Raises:
            BadData: the source's own splits leave no rows to train on.
        """
        given: Counter[str | None] = Counter()
        for (category, split), rows in groups.items():
            given[split] += 0 if category in rare else rows
        self.marked = given.total() > given[None]
        self._missing = [index for index, split in enumerate(SPLITS) if not given[split]] if self.marked else []
        self.origin = "source" if self.marked else "hash of the title"
        if _TRAIN in self._missing:
            found = ", ".join(f"{rows:,} {split}" for split, rows in given.items() if rows)
            raise BadData(
                f"The source's split column leaves no rows to train on: {found}. Add the train file, or remove the "
                "column: splits are then assigned by hash."
            )
        if self._missing:
            names = " and ".join(SPLITS[index] for index in self._missing)
            self.origin = f"source, which has no {names}: taken from its train rows by the hash of the title"

    def assign(self, table: pa.Table) -> NDArray[np.uint8]:
        """The split of each row of a staged table, an index into SPLITS, shape (rows,)."""
        own, hashed = numbers_of(table["own_split"]), numbers_of(table["hashed_split"])
        reassigned = (own == _TRAIN) & np.isin(hashed, self._missing)
        splits: NDArray[np.uint8] = np.where(reassigned | (own == NO_SPLIT), hashed, own)
        return splits


class _Fingerprint:
    """SHA-256 of a table that comes in pieces, the same however it is cut: each column has two hashes of its own."""

    def __init__(self) -> None:
        self._hashes = [(sha256(), sha256()) for _ in _FINGERPRINTED]

    def update(self, table: pa.Table) -> None:
        for name, hashes in zip(_FINGERPRINTED, self._hashes, strict=True):
            for hash_, data in zip(hashes, bytes_of(table[name]), strict=True):
                hash_.update(data)

    def hexdigest(self) -> str:
        return sha256(b"".join(hash_.digest() for hashes in self._hashes for hash_ in hashes)).hexdigest()


def write_listings(
    source: Path, target: Path, staged: StagedRows, rare: set[str], quarantine: Quarantine
) -> ListingTotals:
    """Write the listings of a staged file, each with its split; rows of the `rare` categories are only recorded.

    Args:
        source: the staged file.
        target: listings.parquet.
        staged: what the first pass found.
        rare: categories with too few rows.
        quarantine: records rows that are not used.

    Raises:
        BadData: the source's own splits leave no rows to train on.
    """
    splits = SplitAssignment(staged.groups, rare)
    with pa.OSFile(str(source), "rb") as rows:
        batches = pa.ipc.open_stream(rows)
        tables = _listings(batches, splits, staged, rare, quarantine)
        totals = write_tables(target, tables, listings_schema(batches.schema))
    totals.splits_from = splits.origin
    totals.split_rule = "" if splits.marked else SPLIT_RULE
    return totals


def listings_schema(source: pa.Schema) -> pa.Schema:
    """The schema of listings that are made from a table: they keep the day of each title if the table has it."""
    return WITH_DAYS if DAY in source.names else LISTINGS


def write_tables(target: Path, tables: Iterator[pa.Table], schema: pa.Schema) -> ListingTotals:
    """Write tables of listings to `target`, one after the other, and count and fingerprint them."""
    totals, fingerprint = ListingTotals(), _Fingerprint()
    with pq.ParquetWriter(target, schema, compression="zstd", compression_level=1, use_dictionary=_REPEATING) as writer:
        for table in prefetch(tables):
            writer.write_table(table)
            totals.rows += len(table)
            for name, counter in totals.counters().items():
                found = table[name].value_counts().to_pylist()
                counter.update({item["values"] or "unknown": item["counts"] for item in found})
            fingerprint.update(table)
    totals.fingerprint = fingerprint.hexdigest()
    return totals


def with_split(table: pa.Table, splits: NDArray[np.uint8]) -> pa.Table:
    """The columns of listings of a table, with these splits (n,), indices into SPLITS."""
    split = pa.DictionaryArray.from_arrays(integers(splits.astype(np.int32)), texts(SPLITS))
    columns = {**dict(zip(table.column_names, table.columns, strict=True)), "split": split.cast(pa.string())}
    schema = listings_schema(table.schema)
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def _listings(
    batches: Iterable[pa.RecordBatch],
    splits: SplitAssignment,
    staged: StagedRows,
    rare: set[str],
    quarantine: Quarantine,
) -> Iterator[pa.Table]:
    """The staged rows as listings, each with its split."""
    for batch in batches:
        table = _without_rare(staged.files, pa.Table.from_batches([batch]), rare, quarantine)
        if splits.marked:
            table = _without_unmarked(staged.files, table, quarantine)
        yield with_split(table, splits.assign(table))


def _without_unmarked(files: list[SourceFile], table: pa.Table, quarantine: Quarantine) -> pa.Table:
    is_unmarked = pc.equal(table["own_split"], NO_SPLIT)
    for row in table.filter(is_unmarked).select(["title", "file", "line"]).to_pylist():
        quarantine.add(files[row["file"]].name, [BadRow(row["line"], "no split", excerpt(f"title={row['title']}"))])
    return table.filter(pc.invert(is_unmarked))


def _without_rare(files: list[SourceFile], table: pa.Table, rare: set[str], quarantine: Quarantine) -> pa.Table:
    if not rare:
        return table
    is_rare = pc.is_in(table["category"], value_set=texts(sorted(rare)))
    for row in table.filter(is_rare).select(["title", "category", "file", "line"]).to_pylist():
        text = excerpt(f"title={row['title']}, category={row['category']}")
        quarantine.record(files[row["file"]].name, [BadRow(row["line"], "rare category", text)])
    return table.filter(pc.invert(is_rare))
