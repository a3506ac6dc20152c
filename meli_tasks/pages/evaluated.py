"""What a run's evaluation found, without the categories of each model, and the rows of the leaderboard made from it."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import ModelRef, canonical_json
from meli_tasks.execution.runner import LISTINGS
from meli_tasks.pages.manifests import read_manifest
from meli_tasks.pages.models import ModelRow
from meli_tasks.pages.read_cache import FOREVER, ReadCache
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.plan import Plan
from meli_tasks.stages.evaluation import Evaluation, at_chance
from meli_tasks.stages.summaries import ENSEMBLE, EvaluateSummary

ID_CHARACTERS = 16


@dataclass(frozen=True)
class Run:
    """The fields of a plan that the lists of runs need; `sets` maps a set's name to its training run's key.

    `source` is where the titles of this run are from, `requested_source` the same before the date was filled in: it is
    compared and never displayed, as it may hold a password. `ingest` and `preprocess` are keys of the run's listings
    and of its first recipe.
    """

    plan: str
    run_id: str
    at: str
    as_of: str
    source: str
    dag_run_url: str
    sets: dict[str, str]
    architectures: dict[str, str]
    requested_source: str = ""
    ingest: str = ""
    preprocess: str = ""
    promotion: str = ""

    @classmethod
    def of(cls, plan: Plan) -> Run:
        """Take these fields from a plan."""
        return cls(
            plan=plan.name,
            run_id=plan.run_id,
            at=plan.at,
            as_of=plan.as_of,
            source=plan.ingest.name,
            dag_run_url=plan.dag_run_url,
            sets={name: step.key for name, step in plan.sets.items()},
            architectures={name: step.outline.architecture for name, step in plan.sets.items()},
            requested_source=plan.request.source,
            ingest=plan.ingest.key,
            preprocess=plan.recipes[0].preprocess.key if plan.recipes else "",
            promotion=plan.request.promotion,
        )

    @property
    def day(self) -> str:
        """The date of its titles, or its own if they have none."""
        return self.as_of or self.at[:10]

    def matches(self, text: str) -> bool:
        """Whether every word of `text` occurs in the run's id, source, date or sets."""
        known = " ".join((self.run_id, self.source, self.as_of, *self.sets)).lower()
        return all(word in known for word in text.lower().split())


@dataclass(frozen=True)
class EvaluatedRun:
    """A run's report without the figures of each category, of which only the names are kept.

    `test_set` identifies the titles that all its models were tested on; `left_out` are the others of the test split.
    `folds` is 0 unless they were cross-validated on all titles.
    """

    test_set: str
    test_titles: int
    left_out: int
    folds: int
    models: dict[str, ModelRef]
    champion: str | None
    failed: tuple[str, ...]
    figures: dict[str, Evaluation]
    members: dict[str, float]
    categories: frozenset[str] = frozenset()

    @classmethod
    def of(cls, cache: ReadCache, plan: str, report: EvaluationReport) -> EvaluatedRun:
        """Summarize the report of a plan's run."""
        without: dict[str, dict[str, object]] = {"categories": {}, "by_language": {}, "by_label_quality": {}}
        titles = _titles_by_category(report)
        # The inputs of an artifact are part of its key, so even `force` does not change them.
        manifest = read_manifest(cache, "evaluate", report.key, FOREVER)
        left_out = manifest.read_summary(EvaluateSummary).left_out if manifest else 0
        return cls(
            test_set=_test_set(plan, manifest.inputs if manifest else {}, titles, left_out, report.folds),
            test_titles=sum(titles.values()),
            left_out=left_out,
            folds=report.folds,
            models={label: report.ref(label) for label in report.models},
            champion=report.champion,
            failed=report.failed,
            figures={label: evaluation.model_copy(update=without) for label, evaluation in report.scores.items()},
            members=report.ensemble.weights if report.ensemble else {},
            categories=frozenset(map(sys.intern, titles)),  # thousands of runs have the same names
        )


def read_report(cache: ReadCache, plan: str, seconds: float) -> EvaluationReport | None:
    """The evaluation of a plan's run, read at most `seconds` ago; None if there is none yet."""
    return cache.read(paths.evaluated(plan), EvaluationReport.model_validate_json, seconds)


def read_evaluated(cache: ReadCache, plan: str, seconds: float) -> EvaluatedRun | None:
    """The summary of that."""
    report = read_report(cache, plan, seconds)
    return EvaluatedRun.of(cache, plan, report) if report else None


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
        folds: The number of folds: with fewer, models are trained on fewer titles, so their scores do not compare.
    """
    fitted = sorted({key for name, key in inputs.items() if name.startswith(LISTINGS)}) if left_out else []
    made_from = [inputs.get("ingest", plan), titles, left_out, fitted, *([folds] if folds else [])]
    return hashlib.sha256(canonical_json(made_from).encode()).hexdigest()[:ID_CHARACTERS]


def model_rows(run: Run, evaluated: EvaluatedRun | None, champion: str, nothing_new: bool = False) -> list[ModelRow]:
    """A row for each model of a run: the evaluated ones, the most accurate first, then those without a score.

    Args:
        run: The run.
        evaluated: What its evaluation found, if it has one.
        champion: The id of the row that has the current champion's current figure.
        nothing_new: Whether the run ended early, because everything had been evaluated before.
    """
    figures = evaluated.figures if evaluated else {}
    labels = sorted(figures, key=lambda label: -figures[label].balanced_accuracy)
    rows = [model_row(run, evaluated, label, champion) for label in labels]
    return [*rows, *missing_rows(run, evaluated, champion, nothing_new)]


def missing_rows(run: Run, evaluated: EvaluatedRun | None, champion: str, nothing_new: bool = False) -> list[ModelRow]:
    """A row for each requested model of a run that has no score."""
    figures = evaluated.figures if evaluated else {}
    missing = "nothing new" if nothing_new else "not evaluated"
    return [model_row(run, evaluated, label, champion, missing) for label in run.sets if label not in figures]


def model_row(
    run: Run, evaluated: EvaluatedRun | None, label: str, champion: str, missing: str = "not evaluated"
) -> ModelRow:
    """The row of one model of a run; `missing` is its state if it has no score and did not fail."""
    ref, model = ModelRef(run.sets.get(label, "")), paths.model_id(run.plan, label)
    if evaluated:
        ref = evaluated.models.get(label, ref)
    found = evaluated.figures.get(label) if evaluated else None
    failed = evaluated is not None and label in evaluated.failed
    return ModelRow(
        id=model,
        run_id=run.run_id,
        at=run.at,
        as_of=run.as_of,
        source=run.source,
        dag_run_url=run.dag_run_url,
        set=label,
        train=ref.key,
        sha256=ref.sha256,
        architecture=run.architectures.get(label, ""),
        members=evaluated.members if evaluated and label == ENSEMBLE else {},
        state="evaluated" if found else "failed" if failed else missing,
        champion=model == champion,
        external=label not in run.sets and label != ENSEMBLE,
        at_chance=at_chance(found.interval, len(evaluated.categories)) if evaluated and found else False,
        test_set=evaluated.test_set if evaluated else "",
        balanced_accuracy=found.balanced_accuracy if found else None,
        interval=found.interval if found else None,
        accuracy=found.accuracy if found else None,
        top5=found.top5 if found else None,
        macro_f1=found.macro_f1 if found else None,
        milliseconds_p95=found.milliseconds_p95 if found else None,
        megabytes=found.megabytes if found else None,
    )
