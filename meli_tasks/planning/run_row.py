"""A run in one row of the index: what lists, estimates and pages need of its plan and of what lies beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from pydantic import Field

from meli_tasks.artifacts.manifest import Manifest, ModelRef, canonical_json
from meli_tasks.core.stage_parameters import TEST_SPLIT
from meli_tasks.execution.runner import LISTINGS
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.past_figures import PastFigures
from meli_tasks.planning.plan import Plan
from meli_tasks.stages.evaluation import Evaluation
from meli_tasks.stages.stored import Stored
from meli_tasks.stages.summaries import EvaluateSummary

ID_CHARACTERS = 16
WITHOUT: dict[str, object] = {
    "categories": {}, "by_language": {}, "by_label_quality": {}, "slices": {}, "reliability": (), "abstention": (),
    "confusions": (),
}  # fmt: skip
"""What a row leaves out of the figures of a model."""


class Seen(Stored):
    """The object that a row was made from: its version in the listing, if it was listed, and the digest of its bytes.

    An object that is not there has an empty digest.
    """

    version: str = ""
    digest: str = ""


class EvaluatedRow(Stored):
    """What the evaluation of a run found, without the figures of each category, of which only the names are kept.

    `test_set` identifies the titles that all its models were tested on; `left_out` are the others of the test split.
    `folds` is 0 unless they were cross-validated on all titles.
    """

    key: str = Field("", description="content key of the evaluate artifact")
    test_set: str
    test_titles: int
    left_out: int = 0
    folds: int = 0
    models: dict[str, str] = Field(default_factory=dict, description="content key of each evaluated model, by label")
    attempts: dict[str, str] = Field(default_factory=dict, description="digest of each evaluated model, by label")
    champion: str | None = None
    failed: tuple[str, ...] = ()
    figures: dict[str, Evaluation] = Field(default_factory=dict)
    members: dict[str, float] = Field(default_factory=dict, description="weights of the ensemble")
    categories: tuple[str, ...] = ()

    @classmethod
    def of(cls, plan: str, report: EvaluationReport, manifest: Manifest | None) -> EvaluatedRow:
        """Summarize the report of a plan's run; `manifest` is that of its evaluation, None if it is missing."""
        titles = _titles_by_category(report)
        left_out = manifest.read_summary(EvaluateSummary).left_out if manifest else 0
        return cls(
            key=report.key,
            test_set=_test_set(plan, manifest.inputs if manifest else {}, titles, left_out, report.folds),
            test_titles=sum(titles.values()),
            left_out=left_out,
            folds=report.folds,
            models=report.models,
            attempts=report.attempts,
            champion=report.champion,
            failed=report.failed,
            figures={label: found.model_copy(update=WITHOUT) for label, found in report.scores.items()},
            members=report.ensemble.weights if report.ensemble else {},
            categories=tuple(titles),
        )

    def ref(self, label: str) -> ModelRef:
        """The attempt that was evaluated under a label."""
        return ModelRef(self.models[label], self.attempts.get(label, ""))


class NightTitles(Stored):
    """What the manifests of a run's first stages say of its titles; None if a stage has left none."""

    rows: int | None = None
    bad_rows: int | None = None
    categories: int | None = None
    unknown_words: float | None = Field(None, description="fraction of the words of its validation titles")

    @property
    def is_whole(self) -> bool:
        """Whether both stages have left theirs."""
        return self.rows is not None and self.unknown_words is not None


class RunRow(Stored):
    """A run. `sets` maps a set's name to its training run's key.

    `source` is where the titles of this run are from. `origin` is a digest of the same before the date was filled in,
    which may hold a password: runs with the same one have titles of the same source. `ingest` and `preprocess` are keys
    of the run's listings and of its first recipe.
    """

    plan: str
    run_id: str
    at: str
    as_of: str
    source: str
    dag_run_url: str = ""
    sets: dict[str, str] = Field(default_factory=dict)
    architectures: dict[str, str] = Field(default_factory=dict)
    origin: str = ""
    ingest: str = ""
    preprocess: str = ""
    promotion: str = ""
    evaluated: EvaluatedRow | None = None
    nothing_new: str = ""
    saved_seconds: float = 0.0
    titles: NightTitles | None = Field(None, description="None until it is in the index")
    asks: bool = Field(False, description="whether its verdict is to ask a person")
    seconds: float | None = Field(None, description="from its start to its end; None if it has not ended")
    pruned: str = Field("", description="the day on which artifacts of it were deleted; empty if none were")
    past: PastFigures | None = Field(None, description="what estimates need of it; None until it is in the index")
    seen: dict[str, Seen] = Field(default_factory=dict, description="what it was made from, by `paths.RUN_PARTS`")

    @classmethod
    def of(cls, plan: Plan) -> RunRow:
        """What the plan alone says of its run."""
        return cls(
            plan=plan.name,
            run_id=plan.run_id,
            at=plan.at,
            as_of=plan.as_of,
            source=plan.ingest.name,
            dag_run_url=plan.dag_run_url,
            sets={label: step.key for label, step in plan.sets.items()},
            architectures={label: step.outline.architecture for label, step in plan.sets.items()},
            origin=origin_of(plan),
            ingest=plan.ingest.key,
            preprocess=plan.recipes[0].preprocess.key if plan.recipes else "",
            promotion=plan.request.promotion,
        )

    @property
    def name(self) -> str:
        """The name of the plan."""
        return self.plan

    @property
    def content(self) -> RunRow:
        """What depends on the run's objects only: neither on how they were listed nor on artifacts, which may go."""
        seen = {part: each.model_copy(update={"version": ""}) for part, each in self.seen.items()}
        without = {"test_set": "", "left_out": 0}
        evaluated = self.evaluated.model_copy(update=without) if self.evaluated else None
        return self.model_copy(update={"seen": seen, "past": None, "titles": None, "evaluated": evaluated})


class RunHead(NamedTuple):
    """What finds and counts runs; `block` is the object of the index that has the row."""

    plan: str
    run_id: str
    at: str
    as_of: str
    source: str
    origin: str
    sets: tuple[str, ...]
    block: str

    @property
    def name(self) -> str:
        """The name of the plan."""
        return self.plan

    @property
    def day(self) -> str:
        """The date of its titles, or its own if they have none."""
        return self.as_of or self.at[:10]

    def matches(self, text: str) -> bool:
        """Whether every word of `text` occurs in the run's id, source, date or sets."""
        if not text:
            return True
        known = " ".join((self.run_id, self.source, self.as_of, *self.sets)).lower()
        return all(word in known for word in text.lower().split())

    @classmethod
    def of(cls, row: RunRow, block: str) -> RunHead:
        """The head of a row."""
        return cls(row.plan, row.run_id, row.at, row.as_of, row.source, row.origin, tuple(row.sets), block)


def origin_of(plan: Plan) -> str:
    """What runs with titles of the same source have in common, whatever their dates."""
    return hashlib.sha256(plan.request.source.encode()).hexdigest()[:ID_CHARACTERS]


def _titles_by_category(report: EvaluationReport) -> dict[str, int]:
    """The number of test titles of each category: all models of a run are tested on the same titles."""
    first = next(iter(report.scores.values()), None)
    return {name: found.titles for name, found in first.categories.items()} if first else {}


def _test_set(plan: str, inputs: Mapping[str, str], titles: dict[str, int], left_out: int, folds: int) -> str:
    """An id of the test titles: of the listings that they are from, and of what was left out of them.

    Args:
        plan: The name of the run's plan, which stands for the listings if the artifact is missing: then nothing shows
            that another run used the same titles.
        inputs: Of the evaluation, by name.
        titles: The number of titles that were used, by category.
        left_out: The number of titles that a compared model was fitted on. Which ones follows from its listings.
        folds: The number of folds: with fewer, models are trained on fewer titles, so their scores do not compare. If
            the test split is the only one, they are those of a run without folds.
    """
    fitted = sorted({key for name, key in inputs.items() if name.startswith(LISTINGS)}) if left_out else []
    made_from = [inputs.get("ingest", plan), titles, left_out, fitted, *([folds] if folds > TEST_SPLIT else [])]
    return hashlib.sha256(canonical_json(made_from).encode()).hexdigest()[:ID_CHARACTERS]
