"""The result of the task evaluate: what promote receives, and the report stored next to the plan (evaluated.json)."""

from __future__ import annotations

from pydantic import Field

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.manifest import ModelRef
from meli_tasks.index.changes import write_announced
from meli_tasks.stages.evaluation import Evaluation
from meli_tasks.stages.stored import Stored
from meli_tasks.store import Store


class EnsembleResult(Stored):
    """The ensemble of a run, whether or not it is offered as a candidate."""

    key: str
    offered: bool = True
    reason: str = ""
    weights: dict[str, float] = Field(default_factory=dict, description="by member")


class Evaluated(Stored):
    """Which models a run has evaluated, and against which state of the ledger."""

    key: str = Field(description="content key of the evaluate artifact")
    hit: bool = Field(False, description="whether the artifact existed already")
    trained: tuple[str, ...] = Field((), description="names of the sets whose training run succeeded")
    models: dict[str, str] = Field(default_factory=dict, description="content key of each evaluated model, by label")
    attempts: dict[str, str] = Field(default_factory=dict, description="digest of each evaluated model, by label")
    folds: int = Field(0, description="folds that the models were cross-validated over; 0 for a test split")
    fold_models: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="the model of each fold, KEY@SHA256, by label"
    )
    ensemble: EnsembleResult | None = None
    ensemble_failed: bool = False
    champion: str | None = Field(None, description="label of the current champion among the models")
    champion_missing: str = Field("", description="why the champion is not among the models; empty if it is")
    milliseconds: dict[str, float] = Field(
        default_factory=dict, description="CPU milliseconds to classify one title, by label (Timings.milliseconds_p95)"
    )
    ledger: int = Field(0, description="number of the ledger's last decision; 0 if there was none")
    failed: tuple[str, ...] = Field((), description="names of the sets whose training run failed")
    mlflow: str | None = Field(None, description="page of the run in MLflow; None if it could not be reached")

    def ref(self, label: str) -> ModelRef:
        """The attempt that was evaluated under a label."""
        return ModelRef(self.models[label], self.attempts.get(label, ""))


class EvaluationReport(Evaluated):
    """evaluated.json: the fields of `Evaluated` and a brief evaluation of every model; scores.json has all of it.

    0.1.0 wrote it without `version`.
    """

    version: int = 2
    scores: dict[str, Evaluation] = Field(default_factory=dict, description="by label")
    run_id: str = ""
    as_of: str = ""

    def save(self, store: Store, plan_name: str) -> None:
        """Write the report next to a plan."""
        # Missing figures of each category would be a third of it.
        write_announced(store, plan_name, "evaluated", self.model_dump_json(exclude_none=True).encode())

    @classmethod
    def load(cls, store: Store, plan_name: str) -> EvaluationReport | None:
        """Read the report of a plan; None if its run has not evaluated anything yet.

        Raises:
            BadData: the object is not a report, or a later version wrote it.
        """
        return reading.read(store, paths.evaluated(plan_name), cls.model_validate_json)
