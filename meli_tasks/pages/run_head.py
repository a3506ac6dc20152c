"""The head of a run's tab: what happened, in a line, and each failed task with why it failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import Field

from meli_tasks.notifications.failures import SILENT, Failure
from meli_tasks.notifications.message import DagRun, failures_of
from meli_tasks.pages.evaluated import EvaluatedRun, Run, read_report
from meli_tasks.pages.models import PageModel
from meli_tasks.pages.outcomes import AirflowRun, Outcome, Outcomes, RunOutcome
from meli_tasks.pages.run_models import RunPage, StepRow
from meli_tasks.pages.run_page import LIVE_SECONDS
from meli_tasks.planning.plan import Plan
from meli_tasks.wording import duration

MADE = ("computed", "already there")
TITLES = {
    "promoted": "Promoted",
    "kept": "Kept",
    "nothing new": "Nothing new",
    "evaluated": "Evaluated only",
    "waiting": "Waiting for approval",
}
WITHOUT_TASK = "No task of it failed: somebody marked the run as failed, or it ran longer than the DAG allows."


@dataclass(frozen=True)
class FailedInAirflow:
    """A task instance that Airflow calls failed; `name` is what Airflow displays for one of a mapped task."""

    task: str
    map_index: int = -1
    name: str = ""

    def is_of(self, failure: Failure) -> bool:
        """Whether this is the task whose failure was kept."""
        own = self.name or (str(self.map_index) if self.map_index >= 0 else "")
        return failure.task == self.task and failure.of == own


class FailedTask(PageModel):
    """A failed task and why it failed. The notification about the run has the same message."""

    task: str
    map_index: int = Field(-1, description="of a mapped task; -1 if it is not mapped")
    label: str
    message: str
    in_airflow: bool = Field(description="whether Airflow has a page of it")


class RunHead(PageModel):
    """What happened in a run."""

    outcome: Outcome
    title: str = Field(description="what happened, in a line")
    detail: str = Field("", description="why; empty if the title says it")
    failed: list[FailedTask] = Field(default_factory=list, description="in the order in which they failed")
    warning: str = Field("", description="which models are no better than guessing; empty if none is")


def head_of(
    outcomes: Outcomes,
    run_id: str,
    page: RunPage | None,
    airflow: AirflowRun | None,
    failed: Sequence[FailedInAirflow],
) -> RunHead:
    """The head of a run's tab, from the store and from what Airflow knows.

    Args:
        outcomes: Says how runs ended.
        run_id: The run.
        page: Its steps; None without a plan.
        airflow: What Airflow knows of it; None if it does not know the run.
        failed: The tasks that Airflow calls failed, in that order.
    """
    cache, plan, report, run, evaluated = outcomes.cache, None, None, None, None
    if page:
        plan = Plan.load(cache.store, page.plan)
        report = read_report(cache, page.plan, LIVE_SECONDS)
        run = outcomes.runs.run(page.plan) or Run.of(plan)
        evaluated = EvaluatedRun.of(cache, page.plan, report) if report else None
    began = datetime.fromisoformat(airflow.started) if airflow and airflow.started else None
    kept = failures_of(cache.store, DagRun("meli_training", run_id, began=began), plan, report)
    head = run_head(outcomes.of(run, evaluated, airflow), airflow, failed, kept, page)
    return head.model_copy(update={"warning": _guessing(evaluated, page)})


def _guessing(evaluated: EvaluatedRun | None, page: RunPage | None) -> str:
    """Which models of a run are no better than guessing."""
    names = [row.set for row in page.rows if row.at_chance] if page else []
    if not names or evaluated is None:
        return ""
    are = "is" if len(names) == 1 else "are"
    return (
        f"{', '.join(names)} {are} no better than guessing, which gets a balanced accuracy of "
        f"{1 / len(evaluated.categories):.4f} with {len(evaluated.categories)} categories: see the learning curves."
    )


def run_head(
    outcome: RunOutcome,
    airflow: AirflowRun | None,
    failed: Sequence[FailedInAirflow],
    kept: Sequence[Failure],
    page: RunPage | None,
) -> RunHead:
    """The head of a run's tab.

    Args:
        outcome: How it ended.
        airflow: What Airflow knows of it; None if it has deleted the run.
        failed: The tasks that failed, in that order.
        kept: What was kept of failures, for the notification.
        page: Its steps; None without a plan.
    """
    tasks = failed_tasks(failed, kept)
    if outcome.outcome == "failed":
        return RunHead(outcome="failed", title=_failed(tasks), detail="" if tasks else WITHOUT_TASK, failed=tasks)
    if airflow and airflow.state == "queued":
        return RunHead(outcome="running", title="Queued: it starts when a place for a run is free", failed=tasks)
    if outcome.outcome in ("running", "unknown") and airflow and airflow.state == "running":
        return RunHead(outcome="running", title=f"Running: {progress(page, airflow)}", failed=tasks)
    if outcome.outcome in TITLES:
        title = TITLES[outcome.outcome]
        return RunHead(outcome=outcome.outcome, title=title, detail=outcome.sentence, failed=tasks)
    if airflow is None:
        title = "Airflow does not know this run any more, or never did"
        return RunHead(outcome=outcome.outcome, title=title, detail="What follows is from the store.", failed=tasks)
    return RunHead(outcome=outcome.outcome, title="The run ended without a decision", failed=tasks)


def failed_tasks(failed: Sequence[FailedInAirflow], kept: Sequence[Failure]) -> list[FailedTask]:
    """The failed tasks with why each failed; also those that only the store knows, after Airflow deleted the run."""
    found = []
    for task in failed:
        failure = next((one for one in reversed(kept) if task.is_of(one)), Failure(task.task, task.name, "", ""))
        found.append(_task(failure, task.map_index, in_airflow=True))
    others = [one for one in kept if not any(task.is_of(one) for task in failed)]
    return [*found, *(_task(one, -1, in_airflow=False) for one in others)]


def _task(failure: Failure, map_index: int, *, in_airflow: bool) -> FailedTask:
    return FailedTask(
        task=failure.task, map_index=map_index, label=failure.label, message=failure.why, in_airflow=in_airflow
    )


def _failed(tasks: Sequence[FailedTask]) -> str:
    """The first failed task and why: what failed after it often only lacked its result."""
    if not tasks:
        return "Failed"
    first = tasks[0]
    return f"Failed in {first.label}" + (f": {first.message}" if first.message != SILENT else "")


def progress(page: RunPage | None, airflow: AirflowRun, now: datetime | None = None) -> str:
    """How far a run is: training 2 of 4 sets, about 3 min left."""
    if page is None:
        return "planning"
    parts = [_doing(page.steps, page.evaluated)]
    if page.estimate_seconds and airflow.started:
        passed = ((now or datetime.now(UTC)) - datetime.fromisoformat(airflow.started)).total_seconds()
        left = max(page.estimate_seconds - passed, _reported(page.steps))
        if left > 0:
            parts.append(f"about {duration(left)} left")
    return ", ".join(parts)


def _doing(steps: Sequence[StepRow], evaluated: bool) -> str:
    open_steps = [step for step in steps if step.state not in MADE]
    running = [step for step in open_steps if step.state == "running"]
    stage = next((step.stage for step in [*running, *open_steps] if step.state != "failed"), "")
    if stage == "train":
        trainings = [step for step in steps if step.stage == "train"]
        ended = sum(step.state in (*MADE, "failed") for step in trainings)
        at_work = sum(step.stage == "train" for step in running)
        return f"training {min(len(trainings), ended + max(1, at_work))} of {len(trainings)} sets"
    return stage or ("deciding" if evaluated else "evaluating")


def _reported(steps: Sequence[StepRow]) -> float:
    """What the running steps say is left of them."""
    return max((step.progress.seconds_left or 0.0 for step in steps if step.state == "running"), default=0.0)
