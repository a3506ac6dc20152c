"""A store in memory with a clock of its own, and years of nights in it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from typing_extensions import override

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.cache import Cache
from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.core.errors import Conflict, NotFound
from meli_tasks.decision import Champion, Decision, Evidence
from meli_tasks.execution.runner import Step
from meli_tasks.ledger import Ledger
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.pruning.prune import Prune
from meli_tasks.pruning.rules import Rules
from meli_tasks.stages.files.pieces import PIECES, Piece, Pieces, Source
from meli_tasks.store import Blob, Leftover, Listed, Store
from tests.past_run import PastRun

START = datetime(2026, 1, 1, 3, tzinfo=UTC)


class MemoryStore(Store):
    """Everything that a store does. `now` is its clock; `before` is called with each name that is deleted."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now
        self.held: dict[str, tuple[bytes, str, float]] = {}
        self.left: list[Leftover] = []
        self.before: Callable[[str], None] = lambda name: None
        self._lock = threading.RLock()
        self._writes = 0

    @property
    @override
    def url(self) -> str:
        return "memory:"

    @override
    def read(self, name: str) -> Blob | None:
        found = self.held.get(name)
        return Blob(found[0], found[1]) if found else None

    @override
    def write(self, name: str, data: bytes, *, if_absent: bool = False, if_version: str | None = None) -> str:
        with self._lock:
            found = self.held.get(name)
            if (if_absent and found) or (if_version is not None and (found is None or found[1] != if_version)):
                raise Conflict(name)
            self._writes += 1
            # Like S3 and folders: the same bytes have the same version.
            self.held[name] = (data, sha256(data).hexdigest(), self.now.timestamp())
            return self.held[name][1]

    @override
    def upload(self, path: Path, name: str) -> None:
        self.write(name, path.read_bytes())

    @override
    def download(self, name: str, path: Path) -> None:
        found = self.held.get(name)
        if found is None:
            raise NotFound(name)
        path.write_bytes(found[0])

    @override
    def names(self, prefix: str) -> Iterator[str]:
        return iter(sorted(name for name in list(self.held) if name.startswith(prefix)))

    @override
    def objects(self, prefix: str) -> list[Listed]:
        found = [(name, self.held.get(name)) for name in self.names(prefix)]
        return [Listed(name, held[1], len(held[0]), held[2]) for name, held in found if held]

    @override
    def delete(self, name: str) -> None:
        self.before(name)
        with self._lock:
            self.held.pop(name, None)

    @override
    def size(self, name: str) -> int | None:
        found = self.held.get(name)
        return len(found[0]) if found else None

    @override
    def leftovers(self) -> list[Leftover]:
        return list(self.left)

    @override
    def discard(self, leftover: Leftover) -> None:
        self.left.remove(leftover)

    @override
    def discard_below(self, prefix: str) -> None:
        self.left = [each for each in self.left if not each.name.startswith(prefix)]

    @property
    def bytes(self) -> int:
        """All that it holds."""
        return sum(len(data) for data, _, _ in self.held.values())

    def pass_time(self, **time: float) -> None:
        """Let the clock run: `days=1`."""
        self.now += timedelta(**time)


@dataclass
class Nights:
    """Nights in a store, each with new titles; every `promotes`-th one promotes its mlp."""

    folder: Path
    store: MemoryStore = field(default_factory=MemoryStore)
    promotes: int = 10
    runs: list[PastRun] = field(default_factory=list)

    def night(self) -> PastRun:
        """A run that ends, a day after the last one."""
        self.store.pass_time(days=1)
        number = len(self.runs) + 1
        run = PastRun(self.store, run_id=f"night_{number}", seed=number)
        plan = run.plan.model_copy(update={"at": self.store.now.isoformat()})
        plan.save(self.store)
        evaluated = run.evaluation()
        EvaluationReport.model_validate(
            {**evaluated.model_dump(), "run_id": run.run_id, "scores": json.loads(self._scores(run, evaluated.key))}
        ).save(self.store, plan.name)
        reading.write(self.store, paths.timing(plan.name), b'{"seconds": 60.0}')
        if number % self.promotes == 1:
            self.promote(run, evaluated.key)
        self.runs.append(run)
        return run

    def _scores(self, run: PastRun, key: str) -> bytes:
        blob = self.store.read(f"evaluate/{key}/attempt1/scores.json")
        assert blob is not None
        return blob.data

    def promote(self, run: PastRun, evaluate: str = "", model: Manifest | None = None) -> Decision:
        """Make a model of a run the champion; by default its mlp."""
        ledger = Ledger(self.store)
        last = ledger.last()
        made = model or run.trainings["mlp"]
        return ledger.append(
            last.number if last else 0,
            action="promote",
            champion=Champion(
                train=made.key,
                set_name="mlp",
                balanced_accuracy=0.94,
                interval=(0.93, 0.95),
                run_id=run.run_id,
                sha256=made.model_sha256,
            ),
            reason="it is better",
            by=run.run_id,
            evidence=Evidence(plan=run.plan.name, evaluate=evaluate, run_id=run.run_id),
        )

    def ensemble(self, run: PastRun) -> Manifest:
        """An ensemble of a run's models that stores none of their bytes again."""
        mlp = run.trainings["mlp"]
        source = Source(input="model:mlp", file="model.json", sha256=mlp.outputs["model.json"].sha256)
        piece = Piece(source=0, start=0, size=mlp.outputs["model.json"].bytes)
        pieces = Pieces(sources=(source,), files={"model.json": (piece,)}).model_dump_json().encode()
        models = {f"model:{name}": made.key for name, made in run.trainings.items()}
        step = Step("ensemble", "mlp, cnn", {}, {"ingest": run.plan.ingest.key, **models})
        made = run.publish(step, {PIECES: pieces, "model.safetensors": b"weights"}, {})
        outputs = {**made.outputs, "model.json": mlp.outputs["model.json"]}
        made = replace(made, outputs=outputs, assembled=["model.json"])
        self.store.write(made.name, made.to_bytes())
        return made

    def time(self) -> float:
        """The store's time, in seconds since 1970."""
        return self.store.now.timestamp()

    def prune(self, rules: Rules) -> Prune:
        """A prune at the store's time."""
        return Prune(self.store, Cache(self.folder / "cache", 1.0), rules, clock=self.time)
