"""A store in memory that counts the requests that S3 would get, and one with the runs of many nights."""

from __future__ import annotations

import json
import threading
import time
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from typing_extensions import override

from benchmarks.nightly_store import FIRST, Nights
from meli_tasks.artifacts import paths
from meli_tasks.artifacts.seals import sealed, unsealed
from meli_tasks.core.errors import Conflict, NotFound
from meli_tasks.decision import Decision, Evidence
from meli_tasks.stages.evaluation import Figures, TestSet
from meli_tasks.store import Store
from meli_tasks.store.protocol import PAGE, Blob, Leftover, Listed, Page
from meli_tasks.stored_decisions import StoredDecisions


class MemoryStore(Store):
    """Objects in memory, written when `clock` says. `requests` counts them by kind, a listing by its pages."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.clock: Callable[[], float] = time.time
        self._written: dict[str, float] = {}
        self._held: dict[str, bytes] = {}
        self._names: list[str] = []
        self._changing = threading.Lock()

    @property
    @override
    def url(self) -> str:
        return "memory:"

    @override
    def read(self, name: str) -> Blob | None:
        self.requests["read"] += 1
        data = self._held.get(name)
        return None if data is None else Blob(data, _version(data))

    @override
    def write(self, name: str, data: bytes, *, if_absent: bool = False, if_version: str | None = None) -> str:
        self.requests["write"] += 1
        held = self._held.get(name)
        if (if_absent and held is not None) or (
            if_version is not None and (held is None or _version(held) != if_version)
        ):
            raise Conflict(f"{name} has changed.")
        with self._changing:
            if name not in self._held:
                insort(self._names, name)
            self._held[name] = data
            self._written[name] = self.clock()
        return _version(data)

    @override
    def upload(self, path: Path, name: str) -> None:
        self.write(name, path.read_bytes())

    @override
    def download(self, name: str, path: Path) -> None:
        blob = self.read(name)
        if blob is None:
            raise NotFound(f"There is no {name}.")
        path.write_bytes(blob.data)

    @override
    def names(self, prefix: str) -> Iterator[str]:
        found = [listed.name for listed in self._listed(prefix)]
        self.requests["list"] += max(1, -(-len(found) // PAGE))
        return iter(found)

    @override
    def objects(self, prefix: str) -> list[Listed]:
        found = list(self._listed(prefix))
        self.requests["list"] += max(1, -(-len(found) // PAGE))
        return found

    @override
    def page(self, prefix: str, after: str = "") -> Page:
        self.requests["list"] += 1
        found: list[Listed] = []
        for listed in self._listed(prefix, after):
            if len(found) == PAGE:
                return Page(tuple(found), more=True)
            found.append(listed)
        return Page(tuple(found), more=False)

    @override
    def delete(self, name: str) -> None:
        self.requests["delete"] += 1
        with self._changing:
            if self._held.pop(name, None) is not None:
                del self._names[bisect_left(self._names, name)]

    @override
    def size(self, name: str) -> int | None:
        self.requests["size"] += 1
        data = self._held.get(name)
        return None if data is None else len(data)

    @override
    def leftovers(self) -> list[Leftover]:
        return []

    @override
    def discard(self, leftover: Leftover) -> None:
        raise NotImplementedError

    @override
    def discard_below(self, prefix: str) -> None:
        """Nothing: no write is ever interrupted."""

    def _listed(self, prefix: str, after: str = "") -> Iterator[Listed]:
        with self._changing:
            start = bisect_left(self._names, max(prefix, f"{after}\0" if after else ""))
            found = self._names[start : bisect_left(self._names, f"{prefix}\U0010ffff")]
        for name in found:
            yield Listed(name, _version(self._held[name]), len(self._held[name]), self._written[name])


def _version(data: bytes) -> str:
    return sha256(data).hexdigest()


def write_nights(store: Store, runs: int, sets: int) -> None:
    """Write runs that evaluated other models on the same titles each night, and a decision of each of them.

    They are those of an earlier version: nothing announces them to an index. The champion is the first run's.
    """
    first = MemoryStore()
    Nights(1, sets).write(first)
    [name] = filter(paths.is_plan, first.names(paths.PLANS))
    plan, evaluated = (_fields(first, each) for each in (name, paths.evaluated(name)))
    for manifest in first.names("evaluate/"):
        _copy(first, store, manifest)
    for number in range(runs):
        at = FIRST + timedelta(days=number)
        run_id = f"scheduled__{at.isoformat()}"
        own = name if number == 0 else paths.plan(run_id, f"{number:012x}")
        times = {"run_id": run_id, "at": at.isoformat(), "as_of": str(at.date()), "name": own}
        _write(store, own, {**plan, **times})
        models = {label: key if number == 0 else f"{number:06x}{key[6:]}" for label, key in evaluated["models"].items()}
        report = {**evaluated, **times, "models": models}
        _write(store, paths.evaluated(own), report)
    _decide(first, store, runs)


def _decide(first: Store, store: Store, decisions: int) -> None:
    for ledger in (paths.decision(1), paths.decision_copy(1)):
        _copy(first, store, ledger)
    stored = StoredDecisions(store)
    promotion = stored.read(1)
    for number in range(2, decisions + 1):
        at = promotion.at + timedelta(milliseconds=number)  # not in the future, or a clock would be wrong
        kept = Decision(
            number=number, at=at, action="keep", champion=promotion.champion, promotion=1, previous=1,
            reason="nobody is better", by="night", before=stored.chain(number - 1), evidence=_evidence(number),
        )  # fmt: skip
        data = sealed(paths.decision(number), kept.to_json())
        store.write(paths.decision(number), data)
        store.write(paths.decision_copy(number), data)


def _evidence(number: int) -> Evidence:
    """The figures of three sets and the champion, on titles of which every night has most."""
    labels = ("mlp", "cnn", "ensemble", "champion")
    return Evidence(
        champion="champion",
        scores={label: Figures(balanced_accuracy=0.9, interval=(0.89, 0.91)) for label in labels},
        models={label: f"{number:08x}{label}" if label != "champion" else label for label in labels},
        test=TestSet(split_titles=1_000, titles=1_000, required=0, sketch=tuple(range(number, number + 256))),
        error=0.003,
        plan=paths.plan(f"scheduled__{number}", f"{number:012x}"),
        promote="promote",
    )


def _fields(store: Store, name: str) -> dict[str, dict[str, str]]:
    blob = store.read(name)
    assert blob is not None
    fields: dict[str, dict[str, str]] = json.loads(unsealed(name, blob.data))
    return fields


def _write(store: Store, name: str, fields: object) -> None:
    store.write(name, sealed(name, json.dumps(fields).encode()))


def _copy(source: Store, target: Store, name: str) -> None:
    blob = source.read(name)
    assert blob is not None
    target.write(name, blob.data)
