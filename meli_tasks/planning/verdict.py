"""What the task decide returns: whether to promote a model, keep the champion or request approval, and why.

It is stored next to the plan (verdict.json) and passed by XCom to the tasks approve and promote.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from meli_tasks.artifacts import paths, reading
from meli_tasks.decision_rows import Decisions
from meli_tasks.index.changes import write_announced
from meli_tasks.planning.evaluation import Evaluated
from meli_tasks.stages.stored import Stored
from meli_tasks.store import Store


class Verdict(Stored):
    """The verdict of the stage promote on a run's models, before anything is written into the ledger."""

    version: int = 1
    verdict: Literal["promote", "keep", "ask"]
    nominated: str | None = Field(None, description="label of the model that was compared with the champion")
    question: str = Field("", description="approval request, as a heading; empty if no approval is needed")
    reason: str = Field("", description="the outcome and its reason, as text")
    evidence: str = Field("", description="evidence summary, as Markdown")
    evaluated: Evaluated = Field(description="the evaluation that it is based on")
    promote: str = Field("", description="content key of the stage's decision")
    report: str = Field("", description="name of the run's report in the store, or why there is none")

    @property
    def asks(self) -> bool:
        """Whether a person must approve."""
        return self.verdict == "ask"

    def is_open(self, plan_name: str, decisions: Decisions) -> bool:
        """Whether the run still waits for approval: no decision of it is among those that can be read."""
        made = decisions.of_run(plan_name) if self.asks else None
        return self.asks and (made is None or made.number <= self.evaluated.ledger)

    def save(self, store: Store, plan_name: str) -> None:
        """Write the verdict next to a plan."""
        write_announced(store, plan_name, "verdict", self.model_dump_json().encode())

    @classmethod
    def load(cls, store: Store, plan_name: str) -> Verdict | None:
        """Read the verdict of a plan; None if its run has not decided yet, or ran in a version without verdicts.

        Raises:
            BadData: the object is not a verdict, or a later version wrote it.
        """
        return reading.read(store, paths.verdict(plan_name), cls.model_validate_json)
