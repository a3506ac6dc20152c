"""Part `prune`: nights of generated titles, each with new ones, pruned every week.

    python -m benchmarks prune                   # 28 nights
    python -m benchmarks prune --rows 365        # a year: about an hour of CPU time on one core

A night is a whole run of two quick sets and their ensemble on 2,000 titles of its own. After each, the store is made
a day older. Every seventh night all but the newest seven runs are pruned. Then `meli verify` has to find the store
whole, and every champion there was has to be there.
"""

from __future__ import annotations

import json
import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Options, at_most
from meli_tasks.artifacts.cache import Cache
from meli_tasks.champion import champion_model, is_whole
from meli_tasks.integrity import Verification
from meli_tasks.ledger import Ledger
from meli_tasks.local_run import LocalRun, new_run_id
from meli_tasks.pruning.prune import Prune
from meli_tasks.pruning.rules import Rules
from meli_tasks.settings import Settings
from meli_tasks.store import Store
from meli_tasks.wording import count

DAY = 86_400
FIRST = date(2026, 1, 1)
KEPT = Rules(keep_runs=7, keep_days=0, keep_versions=1)
WEEK = 7


class Silent:
    """Reports nothing of a run."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **options: None


def night(settings: Settings, number: int, rows: int) -> None:
    """A run on titles of its own."""
    run = LocalRun(Silent(), new_run_id(), settings)
    request = {
        "source": f"sample:rows={rows},seed={number}",
        "sets": ["quick_mlp", "quick_cnn"],
        "overrides": {"train.epochs": 1},
    }
    run.go(request, FIRST + timedelta(days=number), "promote")
    if run.failed:
        raise RuntimeError("; ".join(run.failed.values()))


def make_older(folder: Path) -> None:
    """Let a day pass for everything in a store."""
    for path in folder.rglob("*"):
        if path.is_file():
            status = path.stat()
            os.utime(path, (status.st_atime - DAY, status.st_mtime - DAY))


def champions_lost(store: Store) -> int:
    """How many decisions name a champion whose model is not there."""
    ledger = Ledger(store)
    found = [champion_model(ledger, decision) for decision in ledger.decisions()]
    return sum(each is not None and (each.model is None or not is_whole(store, each.model)) for each in found)


def run(options: Options) -> list[Figure]:
    """Bytes of the store after each week, with and without what was pruned, and what a prune lost."""
    nights = options.rows[0] if options.rows else 8 if options.small else 28
    folder, rows = options.work / "store", 600 if options.small else 2_000
    settings = Settings.from_environment(
        {
            "MELI_STORE": folder.as_uri(),
            "MELI_CACHE": str(options.work / "cache"),
            "MELI_CACHE_GB": "0.2",
            "MELI_HOME": str(options.work),
            "MELI_DEVICE": "cpu",
            "MELI_THREADS": "1",
        }
    )
    store, cache = settings.open_store(), Cache(options.work / "cache", 0.2)
    deleted, weeks = 0, list[dict[str, int]]()
    for number in range(1, nights + 1):
        night(settings, number, rows)
        make_older(folder)
        if number % WEEK == 0:
            _, outcome = Prune(store, cache, KEPT, by="benchmark").run()
            deleted += outcome.bytes
            size = sum(each.size for each in store.objects(""))
            weeks.append({"night": number, "bytes": size, "bytes_without_pruning": size + deleted})
    (options.out / "weeks.json").write_text(json.dumps(weeks, indent=1), encoding="utf-8")
    damaged = len(Verification(store, cache).run().findings)
    last, a_night = weeks[-1], weeks[-1]["bytes_without_pruning"] / weeks[-1]["night"]
    decisions = Ledger(store).decisions()
    note = f"{count(nights, 'night')} of {rows:,} titles, two quick sets and their ensemble, the newest 7 kept"
    return [
        Figure("store after the last week", last["bytes"] / 1e6, "MB", last["bytes_without_pruning"] / 1e6, note=note),
        Figure("of which kept for each pruned night", _each(weeks, a_night), "MB", a_night / 1e6),
        Figure("objects damaged or missing after all", float(damaged), "objects", target=at_most(0)),
        Figure(
            f"champions lost of {count(len(decisions), 'decision')}",
            float(champions_lost(store)),
            "models",
            target=at_most(0),
        ),
    ]


def _each(weeks: list[dict[str, int]], a_night: float) -> float:
    """What a night that is no longer kept leaves: records, and champions' models."""
    last = weeks[-1]
    return max(0.0, last["bytes"] - WEEK * a_night) / max(1, last["night"] - WEEK) / 1e6
