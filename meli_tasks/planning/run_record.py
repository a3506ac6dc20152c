"""Rows of the index of runs, read from the objects of a run and written into those of the index."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pydantic import model_validator

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.manifest import Manifest, find, find_record
from meli_tasks.index.attempts import Attempts
from meli_tasks.index.changes import digest
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.plan import Plan, SearchedSet
from meli_tasks.planning.run_row import EvaluatedRow, NightTitles, RunHead, RunRow, Seen
from meli_tasks.planning.timing import RunTiming
from meli_tasks.stages.stored import Stored
from meli_tasks.stages.summaries import IngestSummary, PreprocessSummary
from meli_tasks.store import Store

T = TypeVar("T")
ESTIMATED = 16
"""From how many of the newest runs estimates are made: enough to cover every set in use."""
NEVER_PRUNED = timedelta(days=1)
"""The artifacts of a run that is not older are never pruned; see `pruning.rules.GRACE`, which is longer."""
NIGHTS = 60
"""Of how many of the newest runs a new index has what is said of their titles: twice as many as pages display."""


class SavedSteps(Stored):
    """The part of preview.json that says whether a run ended early."""

    nothing_new: str = ""
    saved_seconds: float = 0.0


class AskingVerdict(Stored):
    """The part of verdict.json that says whether a person has to approve."""

    verdict: str = ""


class PrunedOn(Stored):
    """The part of pruned.json that says when artifacts of a run were deleted."""

    at: datetime


class _Block(Stored):
    """A block as it is stored: thousands of runs have the same categories, so each list of names is stored once."""

    version: int = 1
    rows: tuple[RunRow, ...]

    @model_validator(mode="before")
    @classmethod
    def _with_categories(cls, stored: Any) -> Any:
        lists = stored["categories"]
        for row in stored["rows"]:
            if evaluated := row.get("evaluated"):
                evaluated["categories"] = lists[evaluated["categories"]]
        return stored


class RunCodec:
    """How runs are stored in the index."""

    def encode(self, rows: Sequence[RunRow]) -> bytes:
        """A block of rows, oldest first."""
        lists: dict[tuple[str, ...], int] = {}
        stored = []
        for place, row in enumerate(rows):
            # Estimates are made from the newest runs only.
            without = {"past"} if len(rows) - place > 2 * ESTIMATED else None
            fields = row.model_dump(mode="json", exclude_defaults=True, exclude=without)
            if row.evaluated:
                fields["evaluated"]["categories"] = lists.setdefault(row.evaluated.categories, len(lists))
            stored.append(fields)
        return json.dumps({"version": 1, "categories": list(lists), "rows": stored}, ensure_ascii=False).encode()

    def decode(self, data: bytes) -> list[RunRow]:
        """The rows of a block."""
        return list(_Block.model_validate(json.loads(data)).rows)

    def head(self, row: RunRow, block: str) -> RunHead:
        """The head of a row."""
        return RunHead.of(row, block)

    def encode_heads(self, heads: Sequence[RunHead]) -> bytes:
        """Heads; texts that many have are stored once."""
        texts: dict[Any, int] = {}

        def place(text: Any) -> int:
            return texts.setdefault(text, len(texts))

        rows = [[*head[:4], *(place(each) for each in head[4:])] for head in heads]
        return json.dumps({"version": 1, "rows": rows, "texts": list(texts)}, ensure_ascii=False).encode()

    def decode_heads(self, data: bytes) -> list[RunHead]:
        """The heads of an object."""
        stored = json.loads(data)
        texts = [tuple(each) if isinstance(each, list) else each for each in stored["texts"]]
        return [RunHead(*row[:4], *(texts[place] for place in row[4:])) for row in stored["rows"]]


def read_run(
    store: Store,
    name: str,
    attempts: Attempts,
    listing: Mapping[str, str] | None = None,
    announced: Collection[str] = (),
) -> RunRow | None:
    """Read what a row is made of; None if the plan is missing or cannot be read.

    Args:
        store: Where it is.
        name: The name of the plan.
        attempts: Reports what cannot be read.
        listing: The versions of all objects of runs by name, if they were listed: what is not there is not read.
        announced: Parts whose writing was announced: they are read, also if they are not expected of such a run.
    """
    seen: dict[str, Seen] = {}

    def read(part: str, parse: reading.Parse[T]) -> T | None:
        object_name = paths.run_part(name, part)
        version = listing.get(object_name, "") if listing is not None else ""
        seen[part] = Seen(version=version)
        if listing is not None and not version:
            return None
        blob = store.read(object_name)
        if blob is None:
            return None
        seen[part] = Seen(version=version, digest=digest(blob.data))
        return attempts.attempt(object_name, lambda: reading.parsed(store, object_name, blob.data, parse))

    plan = read("plan", Plan.model_validate_json)
    if plan is None:
        return None
    plan = plan.model_copy(update={"name": name})
    if plan.request.search_minutes and (added := read("searched", SearchedSet.model_validate_json)):
        _add_searched(plan, added)
    report = read("evaluated", EvaluationReport.model_validate_json)
    manifest = (
        attempts.attempt(paths.manifest("evaluate", report.key), lambda: find(store, "evaluate", report.key))
        if report and report.key
        else None
    )
    preview = None if report else read("preview", SavedSteps.model_validate_json)
    verdict = read("verdict", AskingVerdict.model_validate_json) if report else None
    timing = read("timing", RunTiming.model_validate_json) if report else None
    if listing is not None or "pruned" in announced or _may_be_pruned(plan):
        pruned = read("pruned", PrunedOn.model_validate_json)
    else:
        pruned, seen["pruned"] = None, Seen()
    return RunRow.of(plan).model_copy(
        update={
            "evaluated": EvaluatedRow.of(name, report, manifest) if report else None,
            "nothing_new": preview.nothing_new if preview else "",
            "saved_seconds": preview.saved_seconds if preview else 0.0,
            "asks": verdict is not None and verdict.verdict == "ask",
            "seconds": timing.seconds if timing else None,
            "pruned": f"{pruned.at:%Y-%m-%d}" if pruned else "",
            "seen": seen,
        }
    )


def read_titles(store: Store, row: RunRow, attempts: Attempts) -> NightTitles:
    """What the manifests of the run's first stages say."""

    def read(stage: str, key: str) -> Manifest | None:
        name = paths.manifest(stage, key)
        return attempts.attempt(name, lambda: find_record(store, stage, key)) if key else None

    ingested, prepared = read("ingest", row.ingest), read("preprocess", row.preprocess)
    listings = ingested.read_summary(IngestSummary) if ingested else None
    arrays = prepared.read_summary(PreprocessSummary) if prepared else None
    return NightTitles(
        rows=listings.rows if listings else None,
        bad_rows=listings.bad_rows if listings else None,
        categories=listings.categories if listings else None,
        unknown_words=arrays.unknown_fraction.get("validation") if arrays else None,
    )


def _may_be_pruned(plan: Plan) -> bool:
    """Nothing is pruned that is newer than a few days, so nobody needs to ask for it."""
    planned = datetime.fromisoformat(plan.at)
    return datetime.now(UTC) - (planned if planned.tzinfo else planned.replace(tzinfo=UTC)) > NEVER_PRUNED


def _add_searched(plan: Plan, added: SearchedSet) -> None:
    plan.sets[added.name] = added.step
    plan.resolved[added.name] = added.values
