"""Decisions for the tests of the ledger, and a store in memory that holds thousands of them."""

from __future__ import annotations

from typing import Any

from meli_tasks.core.errors import Conflict
from meli_tasks.decision import Champion, Decision, Evidence
from meli_tasks.ledger import Ledger
from meli_tasks.stages.summaries import Gate
from meli_tasks.store.protocol import Blob, Listed, Page


class MemoryStore:
    """Only what a ledger asks of a store, for tests of thousands of ledgers."""

    url = "memory:"

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.reads = 0

    def read(self, name: str) -> Blob | None:
        self.reads += 1
        return Blob(self.held[name], "") if name in self.held else None

    def write(self, name: str, data: bytes, *, if_absent: bool = False, if_version: str | None = None) -> str:
        if if_absent and name in self.held:
            raise Conflict(name)
        self.held[name] = data
        return ""

    def names(self, prefix: str) -> Any:
        return iter(sorted(name for name in self.held if name.startswith(prefix)))

    def objects(self, prefix: str) -> list[Listed]:
        return [Listed(name, "", len(self.held[name]), 0.0) for name in self.names(prefix)]

    def page(self, prefix: str, after: str = "") -> Page:
        return Page(tuple(listed for listed in self.objects(prefix) if listed.name > after), more=False)

    def delete(self, name: str) -> None:
        self.held.pop(name, None)


def champion(label: str) -> Champion:
    return Champion(
        train=f"key-{label}",
        set_name=label,
        balanced_accuracy=0.9,
        interval=(0.89, 0.91),
        run_id="manual__1",
        as_of="2026-11-21",
        fingerprint="f00d",
    )


def promote(ledger: Ledger, label: str) -> Decision:
    last = ledger.last()
    return ledger.append(
        last.number if last else 0,
        action="promote",
        champion=champion(label),
        reason=f"{label} is better",
        by="test",
        evidence=Evidence(gain=0.01, gates=(Gate(name="gain", passed=True, value=0.01, limit=0.001),)),
    )


def keep(ledger: Ledger) -> Decision:
    last = ledger.last()
    return ledger.append(last.number if last else 0, action="keep", reason="no challenger is better", by="test")


def in_force(ledger: Ledger) -> str | None:
    found = Ledger(ledger.store).champion()  # a fresh look, as another process has it
    return found.set_name if found else None
