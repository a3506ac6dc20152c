"""Part `load`: a store of very many artifacts, verified and pruned.

    python -m benchmarks load                    # 100,000 artifacts
    python -m benchmarks load --rows 20000

Each artifact is a manifest and one small file, forty days old, and no run needs it, so a prune deletes all of them. The
store is in memory: the figures are requests, which S3 would get, and the CPU time and memory of this package.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from hashlib import sha256
from typing import TypeVar

from benchmarks.figures import Figure, Options, at_most
from benchmarks.memory_store import MemoryStore
from meli_tasks.artifacts import reading
from meli_tasks.artifacts.cache import Cache
from meli_tasks.artifacts.manifest import Manifest, Output
from meli_tasks.execution.runner import Step
from meli_tasks.integrity import Verification
from meli_tasks.pruning.prune import Prune
from meli_tasks.pruning.rules import Rules

ARTIFACTS, SMALL_ARTIFACTS = 100_000, 300
AGE = 40 * 86_400
FILE = "model.json"

T = TypeVar("T")


def write_artifacts(store: MemoryStore, number: int) -> None:
    """Write artifacts of forty days ago."""
    store.clock = lambda: time.time() - AGE
    for each in range(number):
        step = Step("train", "mlp", {"seed": each}, {"preprocess": "a" * 32})
        data = b"%032d" % each
        outputs = {FILE: Output(sha256(data).hexdigest(), len(data))}
        made = Manifest(step.stage, step.key, step.params, step.inputs, outputs, {}, "attempt1", {})
        store.write(made.file_name(FILE), data)
        reading.write(store, made.name, made.to_bytes())
    store.clock = time.time


def _measured(store: MemoryStore, what: str, number: int, function: Callable[[], T]) -> tuple[T, list[Figure]]:
    store.requests.clear()
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    found = function()
    cpu = time.process_time() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3
    name = f"{number:,} artifacts: {what}"
    return found, [
        Figure(f"{name}, requests for each", store.requests.total() / number, "requests", target=at_most(8)),
        Figure(f"{name}, CPU time for each", cpu / number * 1e6, "us", note=f"{cpu:.1f} CPU-s in all"),
        Figure(f"{name}, memory beyond the store itself", grown, "MB", target=at_most(2_000)),
    ]


def run(options: Options) -> list[Figure]:
    """Requests, CPU time and memory of verifying and of pruning, and what they missed."""
    number = options.rows[0] if options.rows else SMALL_ARTIFACTS if options.small else ARTIFACTS
    store, cache = MemoryStore(), Cache(options.work / "cache", 0.1)
    write_artifacts(store, number)
    checked, verified = _measured(store, "verify", number, Verification(store, cache).run)
    prune = Prune(store, cache, Rules(), by="benchmark")
    (_, outcome), pruned = _measured(store, "prune", number, prune.run)
    missed = len(checked.findings) + abs(number - len(outcome.deleted))
    wrong = Figure("wrong findings, and artifacts not pruned", missed, "artifacts", target=at_most(0))
    return [*verified, *pruned, wrong]
