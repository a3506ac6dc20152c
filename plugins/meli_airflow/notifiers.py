"""Airflow's notifiers for a run of `meli_training`: how it ended, that it is late or waits, why a task of it failed.

`RunEnded` runs in the dag-processor, `RunLate` in the triggerer, `RunWaits` and `TaskFailed` in the task's own process
(`TaskFailed` in the dag-processor if that process was killed). Each of these needs the settings in its environment.
They only convert Airflow's context; `meli_tasks.notifications` composes and sends, and never raises.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypedDict

from airflow.sdk.bases.notifier import BaseNotifier
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
from typing_extensions import override

from meli_tasks.core.errors import MeliError
from meli_tasks.settings import Settings

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context

    from meli_tasks.notifications.failures import Failure
    from meli_tasks.notifications.message import DagRun

logger = logging.getLogger("meli_tasks")

ENDED = ("success", "failed")


class RunCallbacks(TypedDict, total=False):
    """Arguments of a DAG whose runs send notifications."""

    on_success_callback: RunEnded
    on_failure_callback: RunEnded
    deadline: DeadlineAlert


class TaskCallbacks(TypedDict, total=False):
    """Arguments of each task of such a DAG."""

    on_failure_callback: TaskFailed


def run_callbacks(settings: Settings) -> RunCallbacks:
    """The callbacks of a DAG's runs; none without a channel to send by."""
    if not has_channel(settings):
        return {}
    callbacks: RunCallbacks = {"on_success_callback": RunEnded(True), "on_failure_callback": RunEnded(False)}
    if settings.deadline_minutes:
        callbacks["deadline"] = DeadlineAlert(
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=timedelta(minutes=settings.deadline_minutes),
            callback=AsyncCallback(RunLate, kwargs={"minutes": settings.deadline_minutes}),
            name="meli_training is late",
        )
    return callbacks


def task_callbacks() -> TaskCallbacks:
    """The callbacks of a DAG's tasks. The run's tab says why a task failed, also without a channel to send by."""
    return {"on_failure_callback": TaskFailed()}


def question_notifiers(settings: Settings) -> list[RunWaits]:
    """The notifiers of the task that asks a person; none without a channel to send by."""
    return [RunWaits()] if has_channel(settings) else []


def has_channel(settings: Settings) -> bool:
    """Whether any notification channel is configured."""
    return bool(settings.webhook or settings.email)


class PlainNotifier(BaseNotifier):
    """A notifier without templates: `dag.test()` of Airflow 3.3.2 cannot run one that has them."""

    @override
    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        pass


class RunEnded(PlainNotifier):
    """Reports how a run ended."""

    def __init__(self, succeeded: bool) -> None:
        super().__init__()
        self.succeeded = succeeded

    @override
    def notify(self, context: Context) -> None:
        from meli_tasks.notifications import run_events

        run_events.run_ended(run_of(context), succeeded=self.succeeded)


class RunLate(PlainNotifier):
    """Reports that a run has not ended `minutes` after it was queued."""

    def __init__(self, minutes: float, context: Context | None = None) -> None:
        super().__init__(context)
        self.minutes = minutes

    @override
    async def async_notify(self, context: Context) -> None:
        # In a thread, because a blocking call would stop the triggerer's event loop.
        await asyncio.to_thread(self.notify, context)

    @override
    def notify(self, context: Context) -> None:
        from meli_tasks.notifications import run_events

        dag_run = run_of_deadline(context)
        if dag_run.state in ENDED:  # Airflow keeps the deadline of a run that failed, and misses it hours later
            logger.info("%s ended in time (%s)", dag_run.run_id, dag_run.state)
            return
        run_events.run_late(dag_run, self.minutes)


class RunWaits(PlainNotifier):
    """Reports that a run waits for a person to approve a model. It runs in the process of the task that asks."""

    @override
    def notify(self, context: Context) -> None:
        from meli_tasks.notifications import run_events

        run_events.run_waits(run_of(context))


class TaskFailed(PlainNotifier):
    """Keeps why a task failed for good, so that the run's tab and the notification at its end can say it."""

    @override
    def notify(self, context: Context) -> None:
        from meli_tasks.notifications import run_events

        dag_run = run_of(context)
        failure = failure_of(context, dag_run, Settings.from_environment())
        run_events.task_failed(dag_run, failure, map_index_of(context))


def run_of(context: Context) -> DagRun:
    """The run from a task's or a DAG's context; for a run without any task Airflow gives only its id and the reason."""
    from meli_tasks.notifications.message import DagRun

    known = context.get("dag_run")
    return DagRun(
        dag_id=context["dag"].dag_id,
        run_id=str(context["run_id"]),
        reason=str(context.get("reason") or ""),
        began=getattr(known, "start_date", None),
        clears=getattr(known, "clear_number", None) or 0,
    )


def run_of_deadline(context: Mapping[str, Any]) -> DagRun:
    """The run from a deadline's context, which contains the run as the REST API returns it."""
    from meli_tasks.notifications.message import DagRun

    known = context["dag_run"]
    return DagRun(
        dag_id=known["dag_id"],
        run_id=known["dag_run_id"],
        state=str(known["state"]),
        queued=moment(known["queued_at"]),
        began=moment(known["start_date"]),
    )


def moment(text: str | None) -> datetime | None:
    """A moment from its JSON text."""
    return datetime.fromisoformat(text) if text else None


def failure_of(context: Context, dag_run: DagRun, settings: Settings) -> Failure:
    """A failed task's error message, and the page with its log."""
    from meli_tasks.notifications.failures import MAX_MESSAGE_CHARACTERS, Failure
    from meli_tasks.notifications.message import run_page

    task = context["ti"]
    error = context.get("exception")
    message = str(error) if error else "its process ended without a message: it was killed, or ran out of memory"
    if error and not is_written_for_people(error):
        message = f"{type(error).__name__}: {message}"
    index = map_index_of(context)
    page = run_page(settings, dag_run)
    return Failure(
        task=task.task_id,
        of=str(getattr(task, "rendered_map_index", None) or (index if index >= 0 else "")),
        message=" ".join(message.split())[:MAX_MESSAGE_CHARACTERS],
        at=datetime.now(UTC).isoformat(),
        url=f"{page}/tasks/{task.task_id}{f'/mapped/{index}' * (index >= 0)}" if page else "",
    )


def is_written_for_people(error: object) -> bool:
    """Whether an error's message is a whole sentence, so that the name of its class adds nothing."""
    from airflow.sdk.exceptions import AirflowFailException

    return isinstance(error, MeliError | AirflowFailException)


def map_index_of(context: Context) -> int:
    """The index of a mapped task instance; -1 for one that is not mapped."""
    index = getattr(context["ti"], "map_index", None)
    return -1 if index is None else int(index)
