"""A champion that classifies three words, with the listings that it was fitted on, and nights of other listings."""

from __future__ import annotations

import random
from datetime import date
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.decision import Champion
from meli_tasks.execution.runner import Step
from meli_tasks.ledger import Ledger
from meli_tasks.planning.plan import Plan
from meli_tasks.scoring.batch import score_here
from meli_tasks.scoring.records import BatchRecord
from meli_tasks.scoring.request import BatchRequest
from meli_tasks.settings import Settings
from meli_tasks.store import Store
from tests.past_run import CATEGORIES, WORDS, PastRun, arrays_key

SPLITS = ("train", "validation", "test")


def titles(seed: int, rows: int, strange: float = 0.0) -> list[str]:
    """Titles of a known word and a number that makes them distinct; `strange` of them have an unknown word too."""
    drawn = random.Random(seed)
    words = [drawn.choice(WORDS) for _ in range(rows)]
    return [f"{word} {'zxq' if drawn.random() < strange else word} {seed:03}{row:05}" for row, word in enumerate(words)]


def category_of(title: str) -> str:
    """The category that the model predicts for such a title."""
    return CATEGORIES[WORDS.index(title.split(maxsplit=1)[0])]


def publish(run: PastRun, ingest: Step, rows: list[str], bad: int = 0, labels: list[str] | None = None) -> Manifest:
    """Put listings with these titles into the store; by default their labels are right."""
    table = pa.table(
        {
            "row": range(len(rows)),
            "title": rows,
            "category": labels or list(map(category_of, rows)),
            "split": [SPLITS[row % 3] for row in range(len(rows))],
        }
    )
    written = BytesIO()
    pq.write_table(table, written)
    summary = {"rows": len(rows), "bad_rows": bad, "bad_by_reason": {"no title": bad} if bad else {}}
    return run.publish(ingest, {"listings.parquet": written.getvalue()}, summary)


def with_champion(store: Store, folder: Path, strange: float = 0.0) -> PastRun:
    """A store with a promoted model; `strange` of its titles have an unknown word."""
    run = PastRun(store, accuracies={"mlp": 0.94})
    run.with_real_model("mlp", folder)
    publish(run, run.plan.ingest, titles(0, 3_000, strange))
    arrays = Manifest("preprocess", arrays_key(run.plan.ingest), {}, {"ingest": run.plan.ingest.key}, {}, {}, "attempt")
    store.write(arrays.name, arrays.to_bytes())
    model = run.trainings["mlp"]
    champion = Champion(
        train=model.key,
        sha256=model.model_sha256,
        set_name="mlp",
        balanced_accuracy=0.94,
        interval=(0.93, 0.95),
        run_id=run.run_id,
        as_of="2026-11-20",
        fingerprint="f" * 64,
    )
    Ledger(store).append(0, action="promote", champion=champion, reason="first", by="test")
    return run


def night(run: PastRun, day: str, rows: list[str], bad: int = 0, labels: list[str] | None = None) -> Plan:
    """A later run that ingested these titles."""
    ingest = Step("ingest", f"s3://titles/{day}.csv.gz", {"language": "any"}, {"source": f"etag of {day}"})
    plan = Plan(
        run_id=f"scheduled__{day}",
        at=f"{day}T03:00:00+00:00",
        as_of=day,
        dag_run_url="",
        request=run.plan.request,
        ingest=ingest,
        recipes=(),
        sets={},
    )
    plan.save(run.store)
    publish(run, ingest, rows, bad, labels)
    return plan


def settings_of(store: Store, cache: Path) -> Settings:
    """The settings of such a store."""
    return Settings(store=store.url, cache=cache)


def score(
    run: PastRun, folder: Path, day: str, rows: list[str], name: str = "titles", **request: str | float
) -> BatchRecord:
    """Score a file with these titles, by default by the champion."""
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}-{day}.csv"
    lines = [f"{name}-{day}-{row},{title}" for row, title in enumerate(rows)]
    file.write_text("\n".join(["id,title", *lines, ""]), encoding="utf-8")
    settings = settings_of(run.store, folder / "cache")
    checked = BatchRequest.check({"source": str(file), **request}, settings)
    return score_here(checked, settings, run.store, date.fromisoformat(day)).record
