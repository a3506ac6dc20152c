"""Part `prune`: nights of generated titles, each with new ones, pruned every week.

    python -m benchmarks prune                   # 28 nights
    python -m benchmarks prune --rows 365 --small    # a year, of 600 titles a night: 3 CPU-seconds a night

A night is a whole run of two quick sets and their ensemble on 2,000 titles of its own. After each, the store's clock
is a day later. Every seventh night all but the newest seven runs are pruned. Then `meli verify` has to find the store
whole, and every champion there was has to be there.
"""

from __future__ import annotations

import json
import time
from bisect import bisect
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from typing_extensions import override

from benchmarks.counted_requests import count_requests
from benchmarks.figures import Figure, Options, at_most
from meli_tasks.artifacts.cache import Cache
from meli_tasks.champion import champion_model, is_whole
from meli_tasks.integrity import Verification
from meli_tasks.ledger import Ledger
from meli_tasks.local_run import LocalRun, new_run_id
from meli_tasks.pruning.prune import Prune
from meli_tasks.pruning.rules import Rules
from meli_tasks.settings import Settings
from meli_tasks.store import Listed, Store
from meli_tasks.store.file import FileStore
from meli_tasks.wording import count

DAY = 86_400
FIRST = date(2026, 1, 1)
KEPT = Rules(keep_runs=7, keep_days=0, keep_versions=1)
WEEK = 7


class Silent:
    """Reports nothing of a run."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **options: None


class NightlyFolder(FileStore):
    """A folder whose clock is a day later after each night."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.midnights: list[float] = []

    @override
    def _listed(self, name: str) -> Listed | None:
        listed = super()._listed(name)
        return listed and replace(listed, modified=listed.modified + DAY * bisect(self.midnights, listed.modified))


@dataclass
class Cost:
    """What a task of a night cost."""

    requests: int = 0
    cpu: float = 0.0


def night(settings: Settings, number: int, rows: int) -> dict[str, Cost]:
    """A run on titles of its own; what planning and deciding cost, and all of it."""
    run = LocalRun(Silent(), new_run_id(), settings)
    requests = count_requests(run.pipeline.store)
    costs: dict[str, Cost] = {}

    def measured(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            before, start = requests.total(), time.process_time()
            found = function(*args, **options)
            costs[name] = Cost(requests.total() - before, round(time.process_time() - start, 3))
            return found

        return call

    run.pipeline.plan = measured("plan", run.pipeline.plan)  # type: ignore[method-assign]
    run.pipeline.decide = measured("decision", run.pipeline.decide)  # type: ignore[method-assign]
    run.pipeline.promote = measured("entry and report", run.pipeline.promote)  # type: ignore[method-assign]
    request = {
        "source": f"sample:rows={rows},seed={number}",
        "sets": ["quick_mlp", "quick_cnn"],
        "overrides": {"train.epochs": 1},
    }
    measured("night", run.go)(request, FIRST + timedelta(days=number), "promote")
    if run.failed:
        raise RuntimeError("; ".join(run.failed.values()))
    return costs


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
    store, cache = NightlyFolder(folder), Cache(options.work / "cache", 0.2)
    deleted, weeks = 0, list[dict[str, Any]]()
    for number in range(1, nights + 1):
        costs = night(settings, number, rows)
        store.midnights.append(time.time())
        if number % WEEK == 0:
            start = time.process_time()
            _, outcome = Prune(store, cache, KEPT, by="benchmark").run()
            deleted += outcome.bytes
            size = sum(each.size for each in store.objects(""))
            week = {"night": number, "bytes": size, "bytes_without_pruning": size + deleted}
            prune = {"prune": Cost(cpu=time.process_time() - start)}
            weeks.append({**week, "costs": {name: vars(cost) for name, cost in (costs | prune).items()}})
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
