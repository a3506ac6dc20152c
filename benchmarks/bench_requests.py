"""Part `requests`: how many requests lists, plans, decisions and pages send, and their CPU time, with many past runs.

    python -m benchmarks requests --rows 2000,20000

`--rows` is the number of runs, of three sets each, with a decision each; they are written as an earlier version does,
so the first reader builds the indexes. The store is in memory, so the CPU time is that of this package.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.figures import Figure, Options, at_most
from benchmarks.memory_store import MemoryStore, write_nights
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.champion import champion_model
from meli_tasks.ledger import Ledger
from meli_tasks.pages import Pages, RunFilter
from meli_tasks.planning.measured import recent
from meli_tasks.planning.plan import make_plan
from meli_tasks.planning.preview import preview
from meli_tasks.planning.request import Request
from meli_tasks.planning.run_index import RunIndex
from meli_tasks.settings import Settings

RUNS = (2_000,)
SMALL_RUNS = (600,)
SETS = 3
MOST = at_most(20)
DECISION = at_most(40)
"""A night's decision also reads the newest decisions whole, and checks what it adds to."""
COLD, WARM = at_most(2.0), at_most(1.0)


def list_runs(store: MemoryStore) -> None:
    """What `meli runs` reads."""
    reader = LenientReader(store)
    assert len(RunIndex(store).newest(10, reader)) == len(Ledger(store).newest(10, reader)) == 10


def build(store: MemoryStore) -> None:
    """What the first reader does besides, a single time."""
    list_runs(store)
    find_champion(store)


def find_champion(store: MemoryStore) -> None:
    """What `meli champion` reads."""
    ledger = Ledger(store)
    last = ledger.last()
    assert last is not None
    champion_model(ledger, last)
    assert ledger.made_champion(last).number == 1


def plan(store: MemoryStore) -> None:
    """What the task plan reads and writes."""
    settings = Settings(store="file:///unused")
    request = Request.check({"source": "sample:rows=500,seed=1", "sets": ["mlp", "cnn"]}, settings)
    planned = make_plan(request, settings, "tonight", None, store=store)
    found = preview(planned, store, ledger=Ledger(store))
    planned.save(store)
    found.save(planned, store)


def decide(store: MemoryStore) -> None:
    """What a decision reads and writes: the figures of earlier nights, and its entry."""
    ledger = Ledger(store)
    last = ledger.last()
    assert last is not None
    assert recent(ledger, last.number).decisions
    ledger.append(last.number, action="keep", reason="nobody is better", by="night")


def look_at_models(store: MemoryStore) -> None:
    """What the page Models reads at its first look."""
    Pages(store).models(RunFilter())


@dataclass(frozen=True)
class _Cost:
    requests: int
    cpu: float


def _measured(store: MemoryStore, function: Callable[[], object]) -> _Cost:
    store.requests.clear()
    start = time.process_time()
    function()
    return _Cost(store.requests.total(), time.process_time() - start)


def measure(runs: int) -> list[Figure]:
    """The figures of a store with this many runs."""
    store = MemoryStore()
    write_nights(store, runs, SETS)
    built = _measured(store, lambda: build(store))
    what = f"{runs:,} runs and decisions"
    note = f"{built.requests:,} requests"
    figures = [Figure(f"{what}: both indexes built, a single time", built.cpu, "CPU-s", note=note)]
    for name, function in (
        ("meli runs", list_runs),
        ("meli champion", find_champion),
        ("page Models, first look", look_at_models),
        ("plan", plan),
        ("decision", decide),
    ):
        cost = _measured(store, lambda function=function: function(store))  # type: ignore[misc]
        target, note = DECISION if name == "decision" else MOST, f"{cost.cpu:.2f} CPU-s"
        figures.append(Figure(f"{what}: {name}", cost.requests, "requests", target=target, note=note))
    pages = Pages(store)
    cold = _measured(store, lambda: pages.models(RunFilter()))
    warm = _measured(store, lambda: pages.models(RunFilter()))
    figures.append(Figure(f"{what}: page Models, cold", cold.cpu, "CPU-s", target=COLD))
    figures.append(Figure(f"{what}: page Models, warm", warm.cpu, "CPU-s", target=WARM))
    return figures


def run(options: Options) -> list[Figure]:
    """The figures at each size."""
    return [figure for runs in options.rows or (SMALL_RUNS if options.small else RUNS) for figure in measure(runs)]
