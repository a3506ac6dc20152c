"""What the store holds of a run: everything that its report is made from. What is missing is recorded, never fatal."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import Manifest, ModelRef, find, find_model, find_record
from meli_tasks.artifacts.outputs import parse_file
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.artifacts.timed import HISTORY, timed_history, timed_scores
from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.decision import Decision
from meli_tasks.decision_rows import Decisions
from meli_tasks.ledger import Ledger
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.verdict import Verdict
from meli_tasks.report.blocks import SCORES, pointer
from meli_tasks.stages.evaluation import EPOCHS, Epoch, Evaluation, PromotionDecision, Scores
from meli_tasks.stages.summaries import ENSEMBLE
from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")

T = TypeVar("T")

MILLISECONDS = "milliseconds_p95"


@dataclass(frozen=True)
class Decided:
    """What the stage promote decided, and the ledger's entry if it was written."""

    found: PromotionDecision
    entry: Decision | None = None

    @property
    def promoted(self) -> str | None:
        """Label of the model that became champion, or will if the decision is not in the ledger yet.

        A person's answer may differ from what the stage decided.
        """
        if self.entry is None:
            return self.found.promoted
        return (self.found.nominated or self.found.challenger) if self.entry.action == "promote" else None


@dataclass
class Material:
    """A run in the store. Every property reads once; what is missing is None or empty."""

    store: Store
    plan: Plan
    reader: LenientReader = field(init=False)
    _models: dict[str, Manifest | None] = field(init=False, default_factory=dict)
    _manifests: dict[tuple[str, str], Manifest | None] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.reader = LenientReader(self.store)

    @cached_property
    def evaluated(self) -> EvaluationReport | None:
        """What the run's evaluation found; None if it has evaluated nothing."""
        return self._attempt(paths.evaluated(self.plan.name), lambda: EvaluationReport.load(self.store, self.plan.name))

    @cached_property
    def evaluation(self) -> Manifest | None:
        """The manifest of the evaluation."""
        return self.manifest("evaluate", self.evaluated.key) if self.evaluated else None

    @cached_property
    def pruned(self) -> str:
        """When files of the run were deleted to save space, in ISO format; empty if none were."""
        if self.evaluated is None:
            return ""
        models = {key: ENSEMBLE if label == ENSEMBLE else "train" for label, key in self.evaluated.models.items()}
        stages = {self.evaluated.key: "evaluate", self.plan.ingest.key: "ingest", **models}
        records = [self._record(stage, key) for key, stage in stages.items()]
        return max((record.pruned for record in records if record), default="")

    def _record(self, stage: str, key: str) -> Manifest | None:
        """The manifest of an artifact, also of one that was pruned."""
        whole = self.manifest(stage, key)
        return whole or self._attempt(paths.manifest(stage, key), lambda: find_record(self.store, stage, key))

    @cached_property
    def stored_scores(self) -> Scores | None:
        """The figures in the evaluation's artifact; None if it was deleted, or holds none."""
        if self.evaluation is None:
            return None
        stored = self.file(self.evaluation, SCORES, Scores.model_validate_json)
        return timed_scores(self.evaluation, stored) if stored and stored.models else None

    @property
    def scores(self) -> Scores | None:
        """The evaluation's figures: from its artifact, or if that was deleted, from the copy beside the plan."""
        if self.stored_scores or self.evaluated is None or not self.evaluated.scores:
            return self.stored_scores
        return Scores(version=1, models=self.evaluated.scores)

    @property
    def are_copied(self) -> bool:
        """Whether the figures are those beside the plan, because the evaluation's own were deleted or are spoilt."""
        return self.scores is not None and self.stored_scores is None

    @property
    def models(self) -> Mapping[str, Evaluation]:
        """The evaluated models by label, the most accurate first."""
        found = self.scores.models if self.scores else {}
        return dict(sorted(found.items(), key=lambda item: (-item[1].balanced_accuracy, item[0])))

    @cached_property
    def decisions(self) -> Decisions:
        """What can be read of the ledger, oldest first."""
        return Ledger(self.store).readable(self.reader)

    @cached_property
    def entry(self) -> Decision | None:
        """The ledger's newest decision that this plan's run wrote; None while a person is asked about the next one."""
        name = paths.verdict(self.plan.name)
        last = self._attempt(name, lambda: Verdict.load(self.store, self.plan.name))
        if last and last.is_open(self.plan.name, self.decisions):
            return None
        return self.decisions.of_run(self.plan.name)

    @cached_property
    def decided(self) -> Decided | None:
        """The run's decision; None if it made none, or if what it wrote was deleted."""
        found = self._promotion()
        if found:
            return Decided(found, self.entry)
        return Decided(self.entry.evidence, self.entry) if self.entry else None

    @cached_property
    def ingest(self) -> Manifest | None:
        """The manifest of the run's listings: those that were evaluated, as the plan's keys change with versions."""
        key = self.evaluation.inputs.get("ingest", "") if self.evaluation else ""
        return self.manifest("ingest", key or self.plan.ingest.key)

    def ref(self, label: str) -> ModelRef | None:
        """The attempt that was evaluated under a label, or else trained for it."""
        if self.evaluated and label in self.evaluated.models:
            return self.evaluated.ref(label)
        return ModelRef(self.plan.sets[label].key) if label in self.plan.sets else None

    def model(self, label: str) -> Manifest | None:
        """The manifest of a model by its label."""
        if label not in self._models:
            self._models[label] = self._find_model(label)
        return self._models[label]

    def _find_model(self, label: str) -> Manifest | None:
        ref = self.ref(label)
        if ref is None:
            return None
        made = self.manifest("train", ref.key) if label in self.plan.sets else None
        if made and made.model_sha256 == (ref.sha256 or made.model_sha256):
            return made
        return self._attempt(ref.key, lambda: find_model(self.store, ref.key, ref.sha256))

    def history(self, label: str) -> tuple[Epoch, ...]:
        """The epochs of a training run; an ensemble has none."""
        model = self.model(label)
        if model is None or model.stage == ENSEMBLE:
            return ()
        return timed_history(model, self.file(model, HISTORY, EPOCHS.validate_json) or ())

    def stored_at(self, label: str, name: str) -> str:
        """Where a figure of an evaluated model is stored; what a clock measured is in the manifest."""
        if self.evaluation and name == MILLISECONDS and label in self.evaluation.timings.milliseconds_p95:
            return pointer(self.evaluation.name, "timings", name, label)
        return pointer(SCORES, "models", label, name)

    def listings_of(self, label: str) -> Manifest | None:
        """The listings that a model was fitted on: an ensemble names them, a trained model's arrays do."""
        model = self.model(label)
        if model is None:
            return None
        key = model.inputs.get("ingest", "")
        if not key and "preprocess" in model.inputs:
            arrays = self.manifest("preprocess", model.inputs["preprocess"])
            key = arrays.inputs.get("ingest", "") if arrays else ""
        return self.manifest("ingest", key) if key else None

    def manifest(self, stage: str, key: str) -> Manifest | None:
        """An artifact's manifest; None if it is not there or cannot be read."""
        if (stage, key) not in self._manifests:
            found = self._attempt(paths.manifest(stage, key), lambda: find(self.store, stage, key))
            self._manifests[stage, key] = found
        return self._manifests[stage, key]

    def file(self, manifest: Manifest, file: str, parse: Callable[[bytes], T]) -> T | None:
        """One small file of an artifact; None if it is not there or cannot be read."""
        name = manifest.file_name(file)
        return self._attempt(name, lambda: parse_file(self.store, manifest, file, parse))

    def need_file(self, manifest: Manifest, file: str) -> str:
        """The name of an artifact's file.

        Raises:
            NotFound: it was deleted.
        """
        name = manifest.file_name(file)
        if self.store.size(name) is None:
            raise NotFound(f"{name} was deleted")
        return name

    def _attempt(self, name: str, load: Callable[[], T | None]) -> T | None:
        try:
            return load()
        except NotFound:
            return None
        except BadData as error:
            self.reader.skip(name, str(getattr(error, "reason", error)))
            return None

    def _promotion(self) -> PromotionDecision | None:
        """decision.json of this run: by the ledger's entry, or by what the run's evaluation leads to."""
        if self.entry and self.entry.evidence.promote:
            manifest = self.manifest("promote", self.entry.evidence.promote)
        elif self.evaluated:
            from meli_tasks.planning.compared import promote_step

            plan, evaluated = self.plan, self.evaluated
            step = self._attempt(paths.LEDGER, lambda: promote_step(plan, evaluated, Ledger(self.store)))
            manifest = self.manifest("promote", step.key) if step else None
        else:
            return None
        return self.file(manifest, "decision.json", PromotionDecision.model_validate_json) if manifest else None
