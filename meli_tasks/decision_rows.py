"""The rows of the index of decisions, and decisions as a sequence whose members are parsed when they are needed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import Any, overload

from typing_extensions import override

from meli_tasks.artifacts import paths
from meli_tasks.decision import Action, Decision
from meli_tasks.stages.stored import refuse_later_version

LEFT_OUT: Any = {"evidence": {"scores", "test", "examined"}}
"""What takes most of the space of a decision, and what only the next decisions need: heads do not have it."""
VERSION = 2


@dataclass(frozen=True)
class IndexedDecision:
    """A decision as JSON: whole, as it is stored but without its seal, or as a head, without what is left out.

    `digest` is that of the whole one as it was stored.
    """

    number: int
    digest: str
    action: Action
    plan: str
    """Of the run that made it; empty if a person did."""
    text: str
    block: str = ""

    @classmethod
    def of(cls, decision: Decision, body: bytes = b"") -> IndexedDecision:
        """The row of a decision, which is stored as `body`."""
        plan = decision.evidence.plan
        digest = sha256(body).hexdigest()
        made = cls(decision.number, digest, decision.action, plan if decision.is_of_run(plan) else "", body.decode())
        made.__dict__["decision"] = decision
        return made

    @cached_property
    def decision(self) -> Decision:
        """The decision."""
        return Decision.model_validate_json(self.text)

    def may_mention(self, text: str) -> bool:
        """Whether it may contain a text, such as a key. Whoever asks checks the field itself."""
        return not self.text or json.dumps(text, ensure_ascii=False)[1:-1] in self.text

    @property
    def chain(self) -> str:
        """The digest of this decision, if it is whole, and of all before it."""
        return sha256(f"{self.decision.before}:{sha256(self.text.encode()).hexdigest()}".encode()).hexdigest()

    @property
    def name(self) -> str:
        """The name of the decision."""
        return paths.decision(self.number)

    @property
    def at(self) -> str:
        """Its number, with leading zeros."""
        return f"{self.number:08}"


class DecisionCodec:
    """How decisions are stored in the index: blocks have whole ones, of which only the newest are wanted."""

    def encode(self, rows: Sequence[IndexedDecision]) -> bytes:
        """Rows."""
        stored = [[row.number, row.digest, row.action, row.plan, row.text, row.block] for row in rows]
        known = Decision.model_fields["version"].default
        return json.dumps({"version": VERSION, "decisions": known, "rows": stored}, ensure_ascii=False).encode()

    def decode(self, data: bytes) -> list[IndexedDecision]:
        """The rows of an object."""
        stored = json.loads(data)
        refuse_later_version(stored, VERSION)
        refuse_later_version({"version": stored["decisions"]}, Decision.model_fields["version"].default)
        return [IndexedDecision(*row) for row in stored["rows"]]

    def head(self, row: IndexedDecision, block: str) -> IndexedDecision:
        """The row without what is left out."""
        text = row.decision.model_dump_json(exclude=LEFT_OUT, exclude_defaults=True)
        return replace(row, text=text, block=block)

    encode_heads = encode
    decode_heads = decode


class Decisions(Sequence[Decision]):
    """Decisions, oldest first, each of which is parsed when it is needed: there may be many thousands."""

    def __init__(self, rows: Iterable[IndexedDecision] = (), newer: Iterable[Decision] = ()) -> None:
        self.rows = [*rows, *map(IndexedDecision.of, newer)]

    @override
    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Decision: ...

    @overload
    def __getitem__(self, index: slice) -> Decisions: ...

    @override
    def __getitem__(self, index: int | slice) -> Decision | Decisions:
        return self.rows[index].decision if isinstance(index, int) else Decisions(self.rows[index])

    def numbered(self, number: int | None) -> Decision | None:
        """The decision of a number; None if it is not among them."""
        return next((row.decision for row in reversed(self.rows) if row.number == number), None)

    def last_change(self) -> Decision | None:
        """The newest one that did not keep the champion; None if all did."""
        return next((row.decision for row in reversed(self.rows) if row.action != "keep"), None)

    def promotions(self) -> Iterator[Decision]:
        """The promotions, the newest first."""
        return (row.decision for row in reversed(self.rows) if row.action == "promote")

    def mentioning(self, text: str) -> Iterator[Decision]:
        """Those that may contain a text, the newest first: the others need not be parsed; see `may_mention`."""
        return (row.decision for row in reversed(self.rows) if row.may_mention(text))

    def of_run(self, plan: str) -> Decision | None:
        """The newest one that the run of a plan made; see `Decision.is_of_run`."""
        row = self._by_plan.get(plan) if plan else None
        return row.decision if row else None

    @cached_property
    def _by_plan(self) -> dict[str, IndexedDecision]:
        return {row.plan: row for row in self.rows}
