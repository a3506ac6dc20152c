"""What a run's evaluation found, without the categories of each model, and the rows of the leaderboard made from it."""

from __future__ import annotations

from dataclasses import dataclass

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import ModelRef
from meli_tasks.pages.manifests import read_manifest
from meli_tasks.pages.models import ModelRow
from meli_tasks.pages.read_cache import FOREVER, ReadCache
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.run_row import EvaluatedRow, NightTitles, RunRow
from meli_tasks.stages.evaluation import Evaluation, at_chance
from meli_tasks.stages.summaries import ENSEMBLE

ID_CHARACTERS = 16


@dataclass(frozen=True)
class Run:
    """The fields of a plan that the lists of runs need; `sets` maps a set's name to its training run's key.

    `source` is where the titles of this run are from; runs with the same `origin` have titles of the same source.
    `ingest` and `preprocess` are keys of the run's listings and of its first recipe.
    """

    plan: str
    run_id: str
    at: str
    as_of: str
    source: str
    dag_run_url: str
    sets: dict[str, str]
    architectures: dict[str, str]
    origin: str = ""
    ingest: str = ""
    preprocess: str = ""
    promotion: str = ""
    titles: NightTitles | None = None
    """None as long as they may not be known yet."""

    @classmethod
    def of(cls, plan: Plan) -> Run:
        """Take these fields from a plan."""
        return cls.of_row(RunRow.of(plan))

    @classmethod
    def of_row(cls, row: RunRow) -> Run:
        """Take these fields from the index of runs."""
        fields = {name: getattr(row, name) for name in cls.__dataclass_fields__}
        # The stages of a run that was evaluated have left what they will ever leave.
        is_final = row.titles is not None and (row.evaluated is not None or row.titles.is_whole)
        return cls(**fields | {"titles": row.titles if is_final else None})

    @property
    def day(self) -> str:
        """The date of its titles, or its own if they have none."""
        return self.as_of or self.at[:10]


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
        # The inputs of an artifact are part of its key, so even `force` does not change them.
        manifest = read_manifest(cache, "evaluate", report.key, FOREVER)
        return cls.of_row(EvaluatedRow.of(plan, report, manifest))

    @classmethod
    def of_row(cls, row: EvaluatedRow) -> EvaluatedRun:
        """Take it from the index of runs."""
        return cls(
            test_set=row.test_set,
            test_titles=row.test_titles,
            left_out=row.left_out,
            folds=row.folds,
            models={label: row.ref(label) for label in row.models},
            champion=row.champion,
            failed=row.failed,
            figures=row.figures,
            members=row.members,
            categories=frozenset(row.categories),
        )


def read_report(cache: ReadCache, plan: str, seconds: float) -> EvaluationReport | None:
    """The evaluation of a plan's run, read at most `seconds` ago; None if there is none yet."""
    return cache.read(paths.evaluated(plan), EvaluationReport.model_validate_json, seconds)


def read_evaluated(cache: ReadCache, plan: str, seconds: float) -> EvaluatedRun | None:
    """The summary of that."""
    report = read_report(cache, plan, seconds)
    return EvaluatedRun.of(cache, plan, report) if report else None


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
