"""Part `requests`: how many requests lists, plans, decisions and pages send, and their CPU time, with many past runs.

    python -m benchmarks requests --rows 2000,20000

`--rows` is the number of runs, of three sets each, with a decision each; they are written as an earlier version does,
so the first reader builds the indexes. The store is in memory, so the CPU time is that of this package. Pages are
measured with their JSON: cold in a new process's cache, warm, and after another run was planned.
"""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.figures import Figure, Options, at_most
from benchmarks.memory_store import MemoryStore, write_nights
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.champion import champion_model
from meli_tasks.ledger import Ledger
from meli_tasks.pages import NightFilter, Pages, RunFilter
from meli_tasks.pages.models import PageModel
from meli_tasks.pages.read_cache import LISTED_SECONDS
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


def plan(store: MemoryStore, run_id: str = "tonight") -> None:
    """What the task plan reads and writes."""
    settings = Settings(store="file:///unused")
    request = Request.check({"source": "sample:rows=500,seed=1", "sets": ["mlp", "cnn"]}, settings)
    planned = make_plan(request, settings, run_id, None, store=store)
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


def serve(store: MemoryStore) -> list[Figure]:
    """The CPU time of the pages that have all runs, and the memory that they keep."""
    pages = Pages(store)
    looks: dict[str, Callable[[], PageModel]] = {
        "page Models": lambda: pages.models(RunFilter()),
        "page Models, runs of a month": lambda: pages.models(RunFilter(text="2024-03 mlp")),
        "the nights": lambda: pages.nights(NightFilter(limit=1_000), []),
    }
    figures = []
    for name, look in looks.items():
        cold, warm = (_measured(store, lambda look=look: json.dumps(look().model_dump(mode="json"))) for _ in range(2))  # type: ignore[misc]
        figures.append(Figure(f"{name}, cold", cold.cpu, "CPU-s", target=COLD))
        figures.append(Figure(f"{name}, warm", warm.cpu, "CPU-s", target=WARM))
    plan(store, "another night")
    time.sleep(LISTED_SECONDS)
    again = _measured(store, lambda: pages.models(RunFilter()))
    figures.append(Figure("page Models, after another plan", again.cpu, "CPU-s", target=WARM))
    tracemalloc.start()
    kept = Pages(store)
    kept.models(RunFilter())
    megabytes = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    figures.append(Figure("memory that the page Models keeps", megabytes, "MB", target=at_most(300)))
    return figures


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
    figures += [Figure(f"{what}: {each.name}", each.value, each.unit, target=each.target) for each in serve(store)]
    return figures


def run(options: Options) -> list[Figure]:
    """The figures at each size."""
    return [figure for runs in options.rows or (SMALL_RUNS if options.small else RUNS) for figure in measure(runs)]
