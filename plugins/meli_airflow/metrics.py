"""Metrics of the pipeline, sent by Airflow's own sender beside those of Airflow: docs/adr/0042-metrics.md.

A task sends them in its own process when it has its result; Airflow flushes them when that process ends. They go where
Airflow's metrics go (`[metrics] otel_on` or `statsd_on`), and nowhere if those are off. No task fails because of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Literal, NamedTuple, ParamSpec

if TYPE_CHECKING:
    from meli_airflow.xcom import BatchOutcome, StepResult
    from meli_tasks.monitoring.nightly import Night
    from meli_tasks.pipeline import Pipeline
    from meli_tasks.planning.plan import Plan

logger = logging.getLogger("meli_tasks")

P = ParamSpec("P")
ROWS = {"rows": "listings", "bad_rows": "quarantined", "source_rows": "source"}
"""What of the summary of `ingest` is counted, and the value of the tag `kind` for it."""


class Metric(NamedTuple):
    """A metric: whether it counts or has a last value, its tags, and what it is."""

    kind: Literal["counter", "gauge"]
    tags: tuple[str, ...]
    description: str


METRICS = {
    "meli.stage.seconds": Metric("gauge", ("stage",), "seconds that the last computation of a step took"),
    "meli.stage.results": Metric("counter", ("stage", "reused"), "results of steps, computed or reused"),
    "meli.task.tries": Metric("gauge", ("task_id",), "tries that the last success of a task needed"),
    "meli.ingest.rows": Metric("gauge", ("kind",), "rows of the last titles: listings, quarantined, source"),
    "meli.model.balanced_accuracy": Metric("gauge", ("set",), "of each model in the last evaluation"),
    "meli.decisions": Metric("counter", ("action",), "decisions of runs: promote, keep, ..."),
    "meli.champion.balanced_accuracy": Metric("gauge", (), "of the champion after the last decision"),
    "meli.monitoring.examined": Metric("gauge", (), "runs and days that the last night of monitoring examined"),
    "meli.monitoring.changes": Metric("gauge", (), "changes that it found"),
    "meli.monitoring.retrain": Metric("gauge", (), "1 if it advised to retrain, else 0"),
    "meli.batch.rows": Metric("gauge", ("kind",), "rows of the last batch: all, bad, abstained"),
}
"""All of them, by the names that Airflow puts its prefix before."""


def are_on() -> bool:
    """Whether Airflow sends metrics at all."""
    from airflow.sdk.configuration import conf

    return any(conf.getboolean("metrics", name) for name in ("otel_on", "statsd_on", "statsd_datadog_enabled"))


def _never_fails(send: Callable[P, None]) -> Callable[P, None]:
    """A function that sends nothing while metrics are off, and logs what keeps it from sending."""

    @wraps(send)
    def guarded(*arguments: P.args, **named: P.kwargs) -> None:
        try:
            if are_on():
                send(*arguments, **named)
        except Exception:  # the result of the task is worth more than its metrics
            logger.warning("The metrics of this task could not be sent", exc_info=True)

    return guarded


@_never_fails
def send_step(result: StepResult) -> None:
    """A step of a run has its result; to be called by its task."""
    from airflow.sdk import get_current_context

    stage, summary, reused = result.manifest.stage, result.manifest.summary, result.hit
    _count("meli.stage.results", stage=stage, reused=str(reused).lower())
    if not reused:
        _set("meli.stage.seconds", result.seconds, stage=stage)
    running = get_current_context()["ti"]
    _set("meli.task.tries", running.try_number, task_id=running.task_id)
    if stage == "ingest":
        for field, kind in ROWS.items():
            if field in summary:
                _set("meli.ingest.rows", float(str(summary[field])), kind=kind)


@_never_fails
def send_evaluation(pipeline: Pipeline, plan: Plan) -> None:
    """A run has evaluated its models."""
    from meli_tasks.planning.evaluation import EvaluationReport

    report = EvaluationReport.load(pipeline.store, plan.name)
    for label, evaluation in (report.scores if report else {}).items():
        _set("meli.model.balanced_accuracy", evaluation.balanced_accuracy, set=label)


@_never_fails
def send_decision(action: str, champion_accuracy: float | None) -> None:
    """A run has decided; the figure is the champion's afterwards, None without one."""
    _count("meli.decisions", action=action)
    if champion_accuracy is not None:
        _set("meli.champion.balanced_accuracy", champion_accuracy)


@_never_fails
def send_night(night: Night) -> None:
    """A night of monitoring has ended."""
    _set("meli.monitoring.examined", night.examined)
    _set("meli.monitoring.changes", len(night.changed))
    _set("meli.monitoring.retrain", int(bool(night.retrain)))


@_never_fails
def send_batch(outcome: BatchOutcome) -> None:
    """Files of titles were scored."""
    for kind, rows in (("all", outcome["rows"]), ("bad", outcome["bad_rows"]), ("abstained", outcome["abstained"])):
        _set("meli.batch.rows", rows, kind=kind)


def _set(name: str, value: float, **tags: str) -> None:
    from airflow.sdk.observability import stats

    stats.gauge(name, float(value), tags=_checked(name, "gauge", tags))


def _count(name: str, **tags: str) -> None:
    from airflow.sdk.observability import stats

    stats.incr(name, tags=_checked(name, "counter", tags))


def _checked(name: str, kind: str, tags: dict[str, str]) -> dict[str, str]:
    if (METRICS[name].kind, METRICS[name].tags) != (kind, tuple(tags)):
        raise ValueError(f"{name} is not a {kind} with the tags {', '.join(tags)}")
    return tags
