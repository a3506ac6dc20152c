"""Ingest: a source's files to one table of clean listings, each in its split; bad rows to a quarantine file.

Two passes, so that memory does not grow with the source: the first reads, checks and counts, the second sets aside the
categories that turned out rare and deals the splits.
"""

from __future__ import annotations

import errno
from collections import Counter
from pathlib import Path

from meli_tasks.core.errors import BadData, Rejected
from meli_tasks.core.hyperparameters import Ingest
from meli_tasks.stages.hooks import Hooks, Inputs, Log
from meli_tasks.stages.listings.dealing import Dealt, deal
from meli_tasks.stages.listings.quarantine import Quarantine
from meli_tasks.stages.listings.staging import Staged, stage
from meli_tasks.stages.summaries import IngestSummary, RareCategories

OUTPUTS = ("listings.parquet", "quarantine.jsonl.gz")

_NAMED_CATEGORIES = 20


def run(inputs: Inputs, out: Path, params: Ingest, hooks: Hooks) -> IngestSummary:
    """Reads `inputs["source"]`, a file or a folder of files, and writes listings.parquet and quarantine.jsonl.gz.

    Listings: row (ascending in the source's order), title, category, language, label_quality, split. Quarantine: file,
    line, reason, seen. With `date_column` only rows from `since` to `until`, by the dates as they are written, are
    looked at: what came later changes nothing. Raises BadData when a file cannot be read, when more than
    `max_bad_fraction` of the rows are bad, or when what is left cannot be learnt from; Rejected when the disk is full.
    """
    staging = out / "staged.arrows"
    try:
        files = _files(inputs["source"])
        with Quarantine(out / "quarantine.jsonl.gz") as quarantine:
            staged = stage(files, staging, params, quarantine, hooks.log)
            quarantine.refuse(staged.asked, params.max_bad_fraction, staged.foreign)
            rare = _rare(staged, params)
            dealt = deal(staging, out / "listings.parquet", staged, set(rare), quarantine)
            quarantine.refuse(staged.asked, params.max_bad_fraction, staged.foreign)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Rejected(
                f"No space left in {out} while writing the listings; nothing half-written was left behind. "
                "Free some, or point MELI_CACHE at a larger disk."
            ) from None
        raise
    finally:
        staging.unlink(missing_ok=True)
    summary = _summary(staged, dealt, quarantine.rows, rare)
    _tell(summary, hooks.log)
    return summary


def _files(source: Path) -> list[Path]:
    files = sorted(path for path in source.iterdir() if path.is_file()) if source.is_dir() else [source]
    if not files:
        raise BadData(f"{source}: the folder holds no files. CSV, JSON Lines or Parquet files were expected.")
    return files


def _rare(staged: Staged, params: Ingest) -> Counter[str]:
    """The categories with too few rows, and how many they have; BadData when fewer than two are left."""
    sizes = staged.categories()
    rare = Counter({category: rows for category, rows in sizes.items() if rows < params.min_category_rows})
    if len(sizes) - len(rare) >= 2:
        return rare
    unwanted = "".join(f" {rows:,} rows were left out by {name}." for name, rows in sorted(staged.unwanted.items()))
    raise BadData(
        f"Too little to learn from: {len(sizes) - len(rare)} of the {len(sizes):,} categories in {staged.rows:,} rows "
        f"have the {params.min_category_rows:,} rows that min_category_rows asks for; two are needed.{unwanted} "
        "Give more rows, or change min_category_rows, language, reliable_only or the window of days."
    )


def _summary(staged: Staged, dealt: Dealt, bad: Counter[str], rare: Counter[str]) -> IngestSummary:
    sizes = [rows for category, rows in staged.categories().items() if category not in rare]
    return IngestSummary(
        rows=dealt.rows,
        source_rows=staged.rows,
        bad_rows=bad.total(),
        bad_by_reason=dict(sorted(bad.items())),
        unwanted=dict(sorted(staged.unwanted.items())),
        categories=len(sizes),
        smallest_category=min(sizes),
        largest_category=max(sizes),
        set_aside=RareCategories(
            rows=rare.total(),
            categories=len(rare),
            largest=dict(sorted(rare.items(), key=lambda item: (-item[1], item[0]))[:_NAMED_CATEGORIES]),
        ),
        languages=dict(sorted(dealt.languages.items())),
        label_qualities=dict(sorted(dealt.label_qualities.items())),
        splits=dict(sorted(dealt.splits.items())),
        splits_from=dealt.splits_from,
        fingerprint=dealt.fingerprint,
    )


def _tell(summary: IngestSummary, log: Log) -> None:
    log.info(f"{summary.rows:,} listings in {summary.categories:,} categories; splits: {summary.splits}")
    if summary.bad_rows:
        log.info(f"{summary.bad_rows:,} bad rows are in quarantine.jsonl.gz: {summary.bad_by_reason}")
    if summary.unwanted:
        log.info(f"Rows left out as asked, by parameter: {summary.unwanted}")
    aside = summary.set_aside
    if aside.rows:
        log.info(f"{aside.rows:,} rows of {aside.categories:,} rare categories are set aside: {aside.largest}")
