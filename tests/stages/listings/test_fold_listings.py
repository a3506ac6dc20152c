"""Listings of a fold and of all titles: the same rows, each title tested in exactly one fold."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from meli_tasks.core.errors import BadData
from meli_tasks.core.stage_parameters import Ingest
from meli_tasks.core.text.folds import fold_rule
from meli_tasks.core.text.splits import SPLIT_RULE
from meli_tasks.stages import ingest
from meli_tasks.stages.hooks import Hooks
from meli_tasks.stages.listings import fold_listings
from meli_tasks.stages.listings.fold_listings import ALL_TITLES_RULE
from meli_tasks.stages.summaries import IngestSummary
from tests.stages.listings.listing_files import Row, csv_of, listings, run, some_rows, write

FOLDS = 3


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Listings of a source without splits of its own; some titles are listed several times, in other spellings."""
    rows: list[dict[str, Any]] = some_rows(400)
    rows += [{**row, "title": f" {row['title'].upper()} "} for row in rows[:50]]
    return ingested(tmp_path, rows)


def ingested(place: Path, rows: list[dict[str, Any]]) -> Path:
    out = place / "base"
    out.mkdir()
    run(write(place, "titles.csv", csv_of(rows)), out)
    return out


def again(base: Path, fold: int, folds: int) -> tuple[list[Row], IngestSummary]:
    """The listings of a fold, or with 0 of all titles, and their summary."""
    out = base.parent / f"fold-{fold}-of-{folds}"
    out.mkdir()
    params = Ingest(min_category_rows=1, folds=folds, fold=fold)
    summary = ingest.run({"ingest": base}, out, params, Hooks())
    return listings(out), summary


def without_split(rows: list[Row]) -> list[Row]:
    return [{name: value for name, value in row.items() if name != "split"} for row in rows]


@pytest.mark.parametrize("rows_at_once", [7, 131_072])
def test_each_row_is_tested_in_exactly_one_fold(base: Path, rows_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold_listings, "_ROWS_AT_ONCE", rows_at_once)
    original = listings(base)
    tested: Counter[str | None] = Counter()
    for fold in range(1, FOLDS + 1):
        rows, summary = again(base, fold, FOLDS)
        assert without_split(rows) == without_split(original)
        assert summary.splits == Counter(row["split"] for row in rows)
        assert summary.split_rule == fold_rule(fold, FOLDS)
        assert (summary.rows, summary.categories) == (len(original), 2)
        in_split = {
            split: {str(row["title"]).strip().lower() for row in rows if row["split"] == split}
            for split in ("train", "validation", "test")
        }
        assert not in_split["test"] & (in_split["train"] | in_split["validation"])
        assert not in_split["train"] & in_split["validation"]
        tested.update(row["row"] for row in rows if row["split"] == "test")
    assert tested == Counter(row["row"] for row in original)


def test_the_fingerprint_does_not_depend_on_how_rows_are_batched(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, whole = again(base, 0, 0)
    (base.parent / "fold-0-of-0").rename(base.parent / "whole")
    monkeypatch.setattr(fold_listings, "_ROWS_AT_ONCE", 7)
    _, pieces = again(base, 0, 0)
    assert whole == pieces


def test_without_a_fold_the_test_titles_join_the_train_split_and_validation_stays(base: Path) -> None:
    original = listings(base)
    rows, summary = again(base, 0, 0)
    assert [row["split"] for row in rows] == [str(row["split"]).replace("test", "train") for row in original]
    assert set(summary.splits) == {"train", "validation"}
    assert summary.split_rule == ALL_TITLES_RULE != SPLIT_RULE


def test_splits_that_the_source_gave_follow_no_rule_and_do_not_matter_for_folds(tmp_path: Path) -> None:
    splits = ("train", "validation", "test")
    rows = [{**row, "split": splits[number % 3]} for number, row in enumerate(some_rows(90))]
    base = ingested(tmp_path, rows)
    _, every = again(base, 0, 0)
    assert (every.split_rule, every.splits) == ("", {"train": 60, "validation": 30})
    _, first = again(base, 1, FOLDS)
    assert first.split_rule == fold_rule(1, FOLDS)


def test_the_listings_of_a_fold_keep_the_days(tmp_path: Path) -> None:
    rows = [{**row, "at": f"2026-11-{number % 20 + 1:02}"} for number, row in enumerate(some_rows(90))]
    base = tmp_path / "base"
    base.mkdir()
    params = {"min_category_rows": 1, "date_column": "at", "until": "2026-11-19", "keep_days": True}
    run(write(tmp_path, "titles.csv", csv_of(rows)), base, params)
    original = listings(base)
    assert [str(row["day"]) for row in original[18:20]] == ["2026-11-19", "2026-11-01"]
    for fold, folds in ((0, 0), (1, FOLDS)):
        assert without_split(again(base, fold, folds)[0]) == without_split(original)


def test_fewer_titles_than_folds_are_refused_with_the_numbers(tmp_path: Path) -> None:
    base = ingested(tmp_path, some_rows(6))
    with pytest.raises(BadData, match=r"Fold \d+ of 10 cannot be used: of 6 listings, none is left for .*fewer folds"):
        for fold in range(1, 11):
            again(base, fold, 10)


def test_only_the_listings_are_written(base: Path) -> None:
    again(base, 1, FOLDS)
    assert [path.name for path in (base.parent / "fold-1-of-3").iterdir()] == ["listings.parquet"]
    schema = pq.read_schema(base.parent / "fold-1-of-3" / "listings.parquet")
    assert schema == pq.read_schema(base / "listings.parquet")


@pytest.mark.parametrize(("folds", "fold"), [(3, 4), (3, 0), (3, None), (0, 1), (2, 1), (11, 1)])
def test_a_fold_must_be_one_of_them(folds: int, fold: int | None) -> None:
    with pytest.raises(ValueError, match="fold"):
        Ingest(folds=folds, fold=fold)
