"""A model of a run by the id of its row: what the run's evaluation found of it."""

from __future__ import annotations

from dataclasses import dataclass

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import Manifest, ModelRef
from meli_tasks.core.errors import NotFound
from meli_tasks.pages.evaluated import EvaluatedRun, model_rows, read_report
from meli_tasks.pages.manifests import read_manifest, scores_of
from meli_tasks.pages.models import ModelRow, TestSet
from meli_tasks.pages.read_cache import LISTED_SECONDS, ReadCache
from meli_tasks.pages.runs import Runs
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.stages.evaluation import Evaluation


@dataclass(frozen=True)
class Located:
    """A model of a run.

    `report` and `evaluation` are None if the run has not evaluated it; `evaluate` is the manifest of the evaluation,
    None if its artifact is no longer in the store.
    """

    plan: str
    row: ModelRow
    test_set: TestSet | None
    report: EvaluationReport | None
    evaluation: Evaluation | None
    evaluate: Manifest | None

    @property
    def label(self) -> str:
        """The name of the model in its run's evaluation."""
        return self.row.set

    @property
    def ref(self) -> ModelRef:
        """The attempt of the model."""
        return ModelRef(self.row.train, self.row.sha256)


def locate(cache: ReadCache, runs: Runs, model: str, champion: str = "") -> Located:
    """Find a model by the id of its row: RUN/HASH/LABEL.

    Args:
        cache: Reads the run's evaluation.
        runs: Every run of the store.
        model: The id.
        champion: The id of the row that has the current champion's current figure.

    Raises:
        NotFound: there is no such run, or no such model in it.
    """
    name, label = paths.plan_and_label(model)
    # Only a name that the store lists is read: this one comes from a URL.
    run = runs.run(name)
    if run is None:
        raise NotFound(f"There is no run {model!r} in {cache.store.url}: choose a model of the leaderboard.")
    report = read_report(cache, name, LISTED_SECONDS)
    evaluate = read_manifest(cache, "evaluate", report.key) if report else None
    summary = EvaluatedRun.of(cache, name, report) if report else None
    rows = model_rows(run, summary, champion)
    row = next((row for row in rows if row.set == label), None)
    if row is None:
        raise NotFound(f"The run {run.run_id} has no model {label!r}; it has {', '.join(r.set for r in rows)}.")
    return Located(
        plan=name,
        row=row,
        test_set=runs.test_set(run, summary) if summary else None,
        report=report,
        evaluation=_evaluation(cache, report, evaluate, label) if report else None,
        evaluate=evaluate,
    )


def _evaluation(cache: ReadCache, report: EvaluationReport, evaluate: Manifest | None, label: str) -> Evaluation | None:
    """The full evaluation of a model, or the brief one beside the plan if the artifact is no longer in the store."""
    scores = scores_of(cache, evaluate) if evaluate else None
    return (scores.models if scores else report.scores).get(label)
