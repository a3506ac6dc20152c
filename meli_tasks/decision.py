"""What the promotion ledger stores: a decision, the champion after it, and the evidence that it was made from."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from meli_tasks.approval import Approval
from meli_tasks.artifacts.manifest import ModelRef
from meli_tasks.stages.evaluation import JudgedWith, PromotionDecision
from meli_tasks.stages.stored import Versioned

Action = Literal["promote", "keep", "rollback"]


class _Entry(BaseModel):
    # Fields that a later version adds must not stop an earlier one from reading.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Champion(_Entry):
    """A promoted model, with the result that it was promoted for."""

    train: str = Field(description="key of its train artifact")
    set_name: str = Field(description="the hyperparameter set it was trained with")
    balanced_accuracy: float = Field(
        ge=0, le=1, allow_inf_nan=False, description="on the test split of the run that promoted it"
    )
    interval: tuple[float, float] = Field(description="bootstrap interval of that")
    selection_bias: float = Field(
        0.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="by how much that is too high since the model was selected by it",
    )
    run_id: str = Field("", description="the DAG run that promoted it")
    as_of: str | None = Field(None, description="the date its titles were taken at")
    fingerprint: str = Field("", description="fingerprint of the listings it was trained on")
    sha256: str = Field("", description="digest of its model's files, which names the attempt; empty in 0.1.0")
    folds: int = Field(0, description="folds that its result was cross-validated over; 0 if it is on a test split")
    fold_models: tuple[str, ...] = Field(
        (), description="the model of each fold, KEY@SHA256: of the same recipe, trained without the fold's titles"
    )

    @property
    def ref(self) -> ModelRef:
        """The attempt that was promoted."""
        return ModelRef(self.train, self.sha256)

    @property
    def figure(self) -> float:
        """Balanced accuracy as displayed: without what the selection by it added."""
        return max(0.0, self.balanced_accuracy - self.selection_bias)

    @property
    def described_figure(self) -> str:
        """That figure in words; it says so if it is not the measured one."""
        if f"{self.figure:.4f}" == f"{self.balanced_accuracy:.4f}":
            return f"{self.figure:.4f}"
        measured = f"measured {self.balanced_accuracy:.4f}"
        return f"{self.figure:.4f}, corrected for selection bias ({measured})"


class Evidence(PromotionDecision):
    """What a decision was made from: the stage's decision, and the run, plan and artifacts behind it."""

    run_id: str = ""
    dag_run_url: str = ""
    plan: str = Field("", description="name of the plan in the store")
    evaluate: str = Field("", description="content key of the evaluation")
    promote: str = Field("", description="content key of the stage's decision")
    models: dict[str, str] = Field(default_factory=dict, description="content key of each evaluated model, by label")
    attempts: dict[str, str] = Field(default_factory=dict, description="digest of each evaluated model, by label")
    judged_with: JudgedWith | None = Field(None, description="how the models were evaluated and decided on")

    @property
    def refs(self) -> set[ModelRef]:
        """The attempts that were evaluated."""
        return {ModelRef(key, self.attempts.get(label, "")) for label, key in self.models.items()}

    @property
    def by_hand(self) -> bool:
        """Whether a person promoted a model that the plan's run had evaluated: then no stage decided."""
        return bool(self.evaluate) and not self.promote


class Decision(_Entry, Versioned):
    """One entry of the ledger."""

    version: int = 2

    number: int = Field(ge=1, description="1, 2, 3, …")
    at: datetime = Field(description="when, in UTC; never earlier than the previous decision")
    action: Action
    champion: Champion | None = Field(description="the champion after this decision")
    promotion: int | None = Field(None, description="the decision that promoted that champion: this one, or an earlier")
    previous: int | None = Field(None, description="the decision that promoted the champion before this decision")
    reason: str = Field(description="a sentence for people")
    evidence: Evidence = Field(default_factory=Evidence, description="empty if a person decided")
    by: str = Field(description="who or what decided: a person, or a DAG run")
    approval: Approval | None = Field(None, description="what a person answered, if the run asked one")
    before: str = Field("", description="digest of all decisions before this one; empty in 0.1.0, and for the first")
    dated_ahead: tuple[int, ...] = Field(
        (),
        description="earlier decisions dated by a clock that was ahead; they were made before the next one",
    )
    id: str = Field(
        default_factory=lambda: uuid4().hex, description="distinguishes two decisions with the same content"
    )

    def is_of_run(self, plan_name: str) -> bool:
        """Whether the run of this plan made it, and not a person who promoted one of the run's models."""
        return self.evidence.plan == plan_name and not self.evidence.by_hand

    @property
    def is_unanswered(self) -> bool:
        """Whether a person was to decide and nobody could be asked, so that a next run asks."""
        return self.action == "keep" and self.evidence.verdict == "ask" and self.approval is None

    def to_json(self) -> bytes:
        """The decision as it is stored; the evidence only if there is any."""
        without = {"evidence"} if self.evidence == Evidence() else None
        return self.model_dump_json(indent=1, exclude=without).encode()
