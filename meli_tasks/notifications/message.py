"""The content of a notification about a run that ended. It is read from the store by run id.

The verdict comes first, then the leaderboard, what failed and why, the time saved, links, and how to roll back.
`meli_tasks.notifications.render` writes it as text, `meli_tasks.notifications.delivery` sends it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.core.errors import TRACKING_ERRORS, BadSettings
from meli_tasks.decision import Decision
from meli_tasks.execution.progress_log import ProgressNote, read_progress
from meli_tasks.execution.runner import Step
from meli_tasks.ledger import Ledger
from meli_tasks.notifications.failures import MAX_MESSAGE_CHARACTERS, Failure, of_run
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.evidence_summary import report_page
from meli_tasks.planning.history import evaluated, plans_of_run
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.preview import Preview
from meli_tasks.planning.verdict import Verdict as Decided
from meli_tasks.redaction import without_credentials
from meli_tasks.settings import Settings
from meli_tasks.store import Store
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.patience import QUICK
from meli_tasks.wording import duration

logger = logging.getLogger("meli_tasks")

Verdict = Literal["promoted", "kept", "nothing new", "failed", "late", "waiting", "changed", "damaged"]

# Airflow's names for the ways in which a run fails without a failed task that says why.
REASONS = {
    "timed_out": "Airflow ended it because it ran longer than the DAG allows.",
    "all_tasks_deadlocked": "No task could start: each waited for another.",
}
WITHOUT_DETAILS = {
    "late": "The run is late",
    "failed": "The run failed",
    "waiting": "The run is waiting for a person to approve a model",
}
"""Titles for when the store cannot be read."""


@dataclass(frozen=True)
class DagRun:
    """What Airflow knows about a run. `clears`: how often it was cleared to run again; `reason`: a key of `REASONS`."""

    dag_id: str
    run_id: str
    reason: str = ""
    state: str = ""
    queued: datetime | None = None
    began: datetime | None = None
    clears: int = 0


@dataclass(frozen=True)
class Model:
    """A row of the leaderboard; the scores are fractions of the test titles."""

    name: str
    balanced_accuracy: float
    interval: tuple[float, float]
    top5: float
    note: str = ""


@dataclass(frozen=True)
class Notification:
    """The parts of a notification, in the order in which they are read. `links` are pairs of a name and an address."""

    verdict: Verdict
    dag_run: DagRun
    title: str
    lines: tuple[str, ...] = ()
    models: tuple[Model, ...] = ()
    failures: tuple[Failure, ...] = ()
    rollback: str = ""
    links: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """Where the store records that it was sent: once for each run, verdict and time that the run was cleared."""
        return paths.notification(self.dag_run.run_id, self.verdict, self.dag_run.clears)

    def matters(self, notify: Literal["always", "changes", "failures"]) -> bool:
        """Whether MELI_NOTIFY wants it sent. A failed training matters even in a run that succeeded."""
        # Nobody answers an approval request that was never announced. Monitoring and meli_verify report only what is
        # wrong.
        bad = self.verdict in ("failed", "late", "waiting", "changed", "damaged") or bool(self.failures)
        return bad or notify == "always" or (notify == "changes" and self.verdict == "promoted")


def of_end(settings: Settings, store: Store, dag_run: DagRun, *, succeeded: bool) -> Notification:
    """The notification of how a run ended.

    Raises:
        Unreachable, Rejected: the store does not answer, or rejects the request.
    """
    plan = plan_of(store, dag_run.run_id)
    report = evaluated(store, plan) if plan else None
    saved = _saved(store, plan)
    decision = _decision(store, plan) if plan and report else None
    decided = verdict_of(store, plan) if report else None
    failures = failures_of(store, dag_run, plan, report)
    verdict = _verdict(succeeded, saved if not report else None, decision)
    promoted = decision if verdict == "promoted" else None
    took = "" if verdict == "nothing new" else _took(dag_run, saved)  # the title already says how much time it saved
    sentence = decision.reason if decision else decided.reason if decided else ""
    lines = [*_reason(verdict, dag_run, sentence, saved), *titles_of(plan), took]
    return Notification(
        verdict,
        dag_run,
        _title(verdict, dag_run, decision, failures, saved),
        tuple(filter(None, lines)),
        models_of(report, decision) if report else (),
        failures,
        _rollback(promoted),
        links_of(settings, store, dag_run, plan if report else None),
    )


def run_page(settings: Settings, dag_run: DagRun) -> str:
    """A run's page in Airflow; an empty string without MELI_AIRFLOW_URL."""
    path = f"/dags/{quote(dag_run.dag_id)}/runs/{quote(dag_run.run_id, safe=':+')}"
    return settings.airflow_url.rstrip("/") + path if settings.airflow_url else ""


def without_the_store(settings: Settings, dag_run: DagRun, verdict: Verdict, why: str) -> Notification:
    """The notification without any details, for when the store cannot be read."""
    lines = (
        *_reason(verdict, dag_run, "", None),
        f"No further details are available, because the store cannot be read: {why}",
    )
    title = WITHOUT_DETAILS.get(verdict, "The run ended")
    return Notification(verdict, dag_run, title, lines, links=links_of(settings, None, dag_run, None))


def plan_of(store: Store, run_id: str) -> Plan | None:
    """The newest plan of a run."""
    return next(iter(plans_of_run(store, run_id)), None)


def verdict_of(store: Store, plan: Plan | None) -> Decided | None:
    """What the task decide found, if it has run."""
    reader = LenientReader(store)
    found = reader.attempt(paths.verdict(plan.name), lambda: Decided.load(store, plan.name)) if plan else None
    reader.warn()
    return found


def _saved(store: Store, plan: Plan | None) -> Preview | None:
    """The preview stored beside the plan: `nothing_new` and `saved_seconds`."""
    reader = LenientReader(store)
    found = reader.attempt(paths.preview(plan.name), lambda: Preview.load(store, plan)) if plan else None
    reader.warn()
    return found


def _decision(store: Store, plan: Plan) -> Decision | None:
    reader = LenientReader(store)
    decisions = Ledger(store).readable(reader)
    reader.warn()
    return decisions.of_run(plan.name)


def _verdict(succeeded: bool, saved: Preview | None, decision: Decision | None) -> Verdict:
    if not succeeded:
        return "failed"
    if saved and saved.nothing_new:  # a manually started run evaluates anyway
        return "nothing new"
    return "promoted" if decision and decision.action == "promote" else "kept"


def _title(
    verdict: Verdict,
    dag_run: DagRun,
    decision: Decision | None,
    failures: Sequence[Failure],
    saved: Preview | None,
) -> str:
    champion = decision.champion if decision else None
    if verdict == "failed":
        # The first is the cause; what failed after it often only lacked its result.
        return f"The run failed: {failures[0].label if failures else dag_run.reason.replace('_', ' ')}"
    if verdict == "nothing new":
        return f"Nothing new: {duration(saved.saved_seconds if saved else 0)} saved"
    if champion is None:
        return "The run ended, and there is no champion" if decision else "The run ended without a decision"
    if verdict == "promoted":
        return f"{champion.set_name} is the new champion: balanced accuracy {champion.described_figure}"
    return f"{champion.set_name} stays champion"


def _reason(verdict: Verdict, dag_run: DagRun, sentence: str, saved: Preview | None) -> tuple[str, ...]:
    if verdict == "failed":
        return (REASONS[dag_run.reason],) if dag_run.reason in REASONS else ()
    if verdict == "nothing new" and saved:
        return (str(saved.nothing_new).rstrip(".") + ".",)
    return (sentence,)


def titles_of(plan: Plan | None) -> tuple[str, ...]:
    """Which titles a run is about, as a line; none without a plan."""
    if plan is None:
        return ()
    return (f"Titles{f' as of {plan.as_of}' if plan.as_of else ''}: {plan.ingest.name}",)


def _took(dag_run: DagRun, saved: Preview | None) -> str:
    took = f"Took {duration((datetime.now(UTC) - dag_run.began).total_seconds())}" if dag_run.began else ""
    there = f"{duration(saved.saved_seconds)} saved by results that existed already" if saved and saved.cached else ""
    return "; ".join(filter(None, (took, there)))


def models_of(report: EvaluationReport, decision: Decision | None) -> tuple[Model, ...]:
    """The leaderboard: the most accurate model first, equally accurate ones by name."""
    now = decision.champion.ref if decision and decision.champion else None
    found = []
    for label, score in report.scores.items():
        evaluated = report.ref(label) if label in report.models else None
        is_champion = now is not None and evaluated is not None and evaluated.is_same(now)
        note = "champion" if is_champion else "previous champion" if label == report.champion else ""
        note = ", ".join(filter(None, (note, "no better than guessing" if score.at_chance else "")))
        found.append(Model(label, score.balanced_accuracy, score.interval, score.top5 or 0.0, note))
    return tuple(sorted(found, key=lambda model: (-model.balanced_accuracy, model.name)))


def failures_of(
    store: Store, dag_run: DagRun, plan: Plan | None, report: EvaluationReport | None
) -> tuple[Failure, ...]:
    """The failed tasks, and training runs missing from the evaluation, in the order in which they failed."""
    found = of_run(store, dag_run.run_id, dag_run.began)
    known = {failure.of for failure in found}
    for name in report.failed if report else ():
        steps = plan.training_runs(name) if plan and name in plan.sets else ()
        if steps and known.isdisjoint(step.name for step in steps):
            notes = [(step.name, note_of(store, step)) for step in steps]
            named, note = next(((name, note) for name, note in notes if note.error), notes[0])
            found.append(Failure("train", named, note.error[:MAX_MESSAGE_CHARACTERS], note.at))
    return tuple(sorted(found, key=lambda failure: failure.at))


def note_of(store: Store, step: Step) -> ProgressNote:
    """What a step last reported."""
    return read_progress(store, step.stage, step.key)


def _rollback(decision: Decision | None) -> str:
    """The command that restores the previous champion; empty if there was none."""
    return f"meli rollback --to {decision.previous}" if decision and decision.previous else ""


def links_of(
    settings: Settings, store: Store | None, dag_run: DagRun, plan: Plan | None
) -> tuple[tuple[str, str], ...]:
    """The run's page in Airflow, its report, and its page in MLflow if its plan was evaluated."""
    links = []
    if page := run_page(settings, dag_run):
        links.append(("DAG run", page))
    if plan and store and settings.airflow_url and store.size(paths.report(plan.name)) is not None:
        links.append(("Report", report_page(settings, plan.run_id)))
    if settings.mlflow_uri.startswith(("http://", "https://")):
        links.append(("MLflow", _mlflow(settings, store, plan)))
    return tuple(links)


def _mlflow(settings: Settings, store: Store | None, plan: Plan | None) -> str:
    """The run's page in MLflow; the server's first page if it has none, or while the server is unavailable."""
    if plan and store:
        try:
            projection = Tracking.of(settings, store, QUICK, plan.name).projection()
            return projection.url(projection.parent(plan))
        except (*TRACKING_ERRORS, BadSettings) as error:
            logger.warning("the notification links to MLflow's first page, because the run's is unknown: %s", error)
    return settings.mlflow_pages or without_credentials(settings.mlflow_uri)
