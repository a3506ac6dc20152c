"""Ingest: turn a source's files into one table of clean listings, each in its split; bad rows go to a quarantine file.

For cross-validation it also turns such a table into others, with other splits.

A source takes two passes, so that memory does not grow with the source: the first reads, checks and counts; the second
excludes the categories that turned out rare and assigns the splits.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from meli_tasks.core.errors import BadData
from meli_tasks.core.stage_parameters import Ingest
from meli_tasks.disk import full_disk
from meli_tasks.rowfiles.encodings import encoding_advice
from meli_tasks.rowfiles.folders import SourceFile, source_files
from meli_tasks.stages.hooks import Hooks, Inputs, Log
from meli_tasks.stages.listings.cleaning import similar_categories
from meli_tasks.stages.listings.fold_listings import write_fold_listings
from meli_tasks.stages.listings.quarantine import Quarantine
from meli_tasks.stages.listings.split_assignment import ListingTotals, write_listings
from meli_tasks.stages.listings.staging import StagedRows, stage_rows
from meli_tasks.stages.summaries import IngestSummary, RareCategories
from meli_tasks.wording import count

LISTINGS = "listings.parquet"
OUTPUTS = (LISTINGS, "quarantine.jsonl.gz")

_NAMED_CATEGORIES = 20
_NAMED_ROWS = 10


def run(inputs: Inputs, out: Path, params: Ingest, hooks: Hooks) -> IngestSummary:
    """Read `inputs["source"]`, a file or a folder, and write listings.parquet and quarantine.jsonl.gz.

    With `fold` it reads `inputs["ingest"]` instead, and writes only listings.parquet: the same rows with other splits.

    Files in subfolders are read too; those in hive folders (`split=train/`) get their columns (`rowfiles.folders`).

    Listings: row (ascending in the source's order), title, category, language, label_quality, split. Quarantine: file,
    line, reason, seen (the beginning of the row). With `date_column`, only rows from `since` to `until` count, by the
    dates as they are written: rows that were added later change nothing. With `keep_days` the listings also have `day`.

    Raises:
        BadData: a file cannot be read, more than `max_bad_fraction` of the rows are bad, or fewer than two categories
            are left.
        DiskFull: there is no space left.
    """
    if params.fold is None:
        return _from_source(inputs["source"], out, params, hooks)
    try:
        summary = write_fold_listings(inputs["ingest"] / LISTINGS, out / LISTINGS, params)
    except OSError as error:
        if full := full_disk(error, out):
            raise full from None
        raise
    _log_summary(summary, hooks.log)
    return summary


def _from_source(source: Path, out: Path, params: Ingest, hooks: Hooks) -> IngestSummary:
    staging = out / "staged.arrows"
    try:
        files = _files(source)
        with Quarantine(out / "quarantine.jsonl.gz") as quarantine:
            staged = stage_rows(files, staging, params, quarantine, hooks)
            _check_bad_rate(staged, params, quarantine)
            rare = _rare(staged, params)
            totals = write_listings(staging, out / LISTINGS, staged, set(rare), quarantine)
            _check_bad_rate(staged, params, quarantine)
    except OSError as error:
        if full := full_disk(error, out):
            raise full from None
        raise
    finally:
        staging.unlink(missing_ok=True)
    summary = _summary(staged, totals, quarantine.rows, rare)
    _log_summary(summary, hooks.log)
    return summary


def _check_bad_rate(staged: StagedRows, params: Ingest, quarantine: Quarantine) -> None:
    quarantine.check_rate(staged.rows_in_window, params.max_bad_fraction, encoding_advice(staged.encodings))


def _files(source: Path) -> list[SourceFile]:
    files = source_files(source)
    if not files:
        raise BadData(f"{source}: the folder holds no files. CSV, JSON Lines or Parquet files were expected.")
    return files


def _rare(staged: StagedRows, params: Ingest) -> Counter[str]:
    """The categories with too few rows, and how many they have.

    Raises:
        BadData: fewer than two categories are left.
    """
    sizes = staged.categories()
    rare = Counter({category: rows for category, rows in sizes.items() if rows < params.min_category_rows})
    if len(sizes) - len(rare) >= 2:
        return rare
    excluded = "".join(f" {count(rows, 'row')} excluded by {name}." for name, rows in sorted(staged.excluded.items()))
    raise BadData(
        f"Too few categories to train on: {len(sizes) - len(rare)} of the {len(sizes):,} categories in "
        f"{count(staged.rows, 'row')} have the {params.min_category_rows:,} rows that min_category_rows requires; two "
        f"are needed.{excluded} Provide more rows, or change min_category_rows, language, reliable_only or the window "
        "of days."
    )


def _summary(staged: StagedRows, totals: ListingTotals, bad: Counter[str], rare: Counter[str]) -> IngestSummary:
    sizes = [rows for category, rows in staged.categories().items() if category not in rare]
    return IngestSummary(
        rows=totals.rows,
        source_rows=staged.rows,
        empty_files=tuple(staged.empty),
        encoding=encoding_advice(staged.encodings),
        doubtful_rows=len(staged.doubtful),
        first_doubtful=tuple(staged.doubtful[:_NAMED_ROWS]),
        bad_rows=bad.total(),
        bad_by_reason=dict(sorted(bad.items())),
        excluded=dict(sorted(staged.excluded.items())),
        categories=len(sizes),
        similar_categories=tuple(similar_categories(staged.categories())),
        smallest_category=min(sizes),
        largest_category=max(sizes),
        rare=RareCategories(
            rows=rare.total(),
            categories=len(rare),
            largest=dict(sorted(rare.items(), key=lambda item: (-item[1], item[0]))[:_NAMED_CATEGORIES]),
        ),
        languages=dict(sorted(totals.languages.items())),
        label_qualities=dict(sorted(totals.label_qualities.items())),
        splits=dict(sorted(totals.splits.items())),
        splits_from=totals.splits_from,
        split_rule=totals.split_rule,
        fingerprint=totals.fingerprint,
    )


def _log_summary(summary: IngestSummary, log: Log) -> None:
    log.info(f"{count(summary.rows, 'listing')} in {summary.categories:,} categories; splits: {summary.splits}")
    if summary.bad_rows:
        log.info(f"{count(summary.bad_rows, 'bad row')} in quarantine.jsonl.gz: {summary.bad_by_reason}")
    if summary.excluded:
        log.info(f"Rows excluded, by parameter: {summary.excluded}")
    rare = summary.rare
    if rare.rows:
        log.info(f"{count(rare.rows, 'row')} of {count(rare.categories, 'rare category')} excluded: {rare.largest}")
    for note in summary.notes():
        log.info(f"Note: {note}")
