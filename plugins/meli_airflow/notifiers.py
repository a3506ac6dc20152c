"""Airflow's notifiers for a run of meli_training: how it ended, that it is late, why a task of it failed.

Where they run: RunEnded in the dag-processor, RunLate in the triggerer, TaskFailed in the task's own process (in the
dag-processor when that was killed). Each needs the settings in its environment. None fails what it tells of.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference
from airflow.sdk.bases.notifier import BaseNotifier

from meli_tasks.core.errors import MeliError
from meli_tasks.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Context

    from meli_tasks.notifications.message import DagRun, Notice
    from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")

ENDED = ("success", "failed")


def run_callbacks(settings: Settings) -> dict[str, Any]:
    """The arguments of a DAG that has its runs told of; none when there is no channel to tell by."""
    if not has_channel(settings):
        return {}
    told: dict[str, Any] = {"on_success_callback": RunEnded(True), "on_failure_callback": RunEnded(False)}
    if settings.deadline_minutes:
        told["deadline"] = DeadlineAlert(
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=timedelta(minutes=settings.deadline_minutes),
            callback=AsyncCallback(RunLate, kwargs={"minutes": settings.deadline_minutes}),
            name="meli_training is late",
        )
    return told


def task_callbacks(settings: Settings) -> dict[str, Any]:
    """The arguments of each task of such a DAG."""
    return {"on_failure_callback": TaskFailed()} if has_channel(settings) else {}


def has_channel(settings: Settings) -> bool:
    """Whether a notice would reach anybody."""
    return bool(settings.webhook or settings.email)


class Teller(BaseNotifier):
    """A notifier without templates; with them, Airflow 3.3.2 cannot run one in `dag.test()`."""

    def render_template_fields(self, context: Context, jinja_env: Any = None) -> None:
        """Leave everything as it is."""


class RunEnded(Teller):
    """Tells how a run ended."""

    def __init__(self, succeeded: bool) -> None:
        super().__init__()
        self.succeeded = succeeded

    def notify(self, context: Context) -> None:
        """Send the notice, once. After an exception nobody would learn of the run, so there is none."""
        from meli_tasks.notifications import message as notice

        dag_run = dag_run_of(context)
        verdict: Any = "kept" if self.succeeded else "failed"
        tell(
            dag_run, verdict, lambda settings, store: notice.of_end(settings, store, dag_run, succeeded=self.succeeded)
        )


class RunLate(Teller):
    """Tells that a run has not ended `minutes` after it was queued."""

    def __init__(self, minutes: float, context: Context | None = None) -> None:
        super().__init__(context)
        self.minutes = minutes

    async def async_notify(self, context: Context) -> None:
        """Send the notice, once; the triggerer, which serves others, does not wait for it."""
        await asyncio.to_thread(self.notify, context)

    def notify(self, context: Context) -> None:
        """Send the notice, once."""
        from meli_tasks.notifications import message as notice

        dag_run = dag_run_of_rest(context)
        if dag_run.state in ENDED:  # Airflow keeps the deadline of a run that failed, and misses it hours later
            logger.info("%s ended in time (%s)", dag_run.run_id, dag_run.state)
            return
        tell(dag_run, "late", lambda settings, store: notice.of_a_late_run(settings, store, dag_run, self.minutes))


class TaskFailed(Teller):
    """Keeps why a task failed for good, so that the notice at the run's end can say it."""

    def notify(self, context: Context) -> None:
        """Write it into the store. The run has failed or not all the same, so trouble here is only logged."""
        from meli_tasks.notifications import failures

        dag_run, settings = dag_run_of(context), Settings.from_environment()
        try:
            failure = failure_of(context, dag_run, settings)
            failures.keep(settings.open_store(), dag_run.run_id, failure, map_index_of(context))
        except MeliError as error:
            logger.warning("the notice of this run will not say why %s failed: %s", context["ti"].task_id, error)


def tell(dag_run: DagRun, verdict: Any, made: Callable[[Settings, Store], Notice]) -> None:
    """Make a notice from the store and send it; a bare one when the store cannot be read."""
    from meli_tasks.notifications import delivery
    from meli_tasks.notifications import message as notice

    try:
        settings = Settings.from_environment()
        try:
            store: Store | None = settings.open_store()
            told = made(settings, store)
        except MeliError as error:
            logger.error("the notice of %s has to do without the store: %s", dag_run.run_id, error)
            store, told = None, notice.without_the_store(settings, dag_run, verdict, str(error))
        delivery.tell(told, settings, store)
    except Exception:
        logger.exception("THE NOTICE OF %s (%s) WAS NOT SENT", dag_run.run_id, verdict)


def dag_run_of(context: Context) -> DagRun:
    """The run from a task's or a DAG's context. Of a run without any task Airflow tells the id and the reason only."""
    from meli_tasks.notifications.message import DagRun

    known: Any = context.get("dag_run")
    return DagRun(
        dag_id=context["dag"].dag_id,
        run_id=str(context["run_id"]),
        reason=str(context.get("reason") or ""),
        began=getattr(known, "start_date", None),
        clears=getattr(known, "clear_number", None) or 0,
    )


def dag_run_of_rest(context: Any) -> DagRun:
    """The run from a deadline's context: what the REST interface says of it."""
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


def failure_of(context: Context, dag_run: DagRun, settings: Settings) -> Any:
    """What a failed task said, and where its log is."""
    from meli_tasks.notifications.failures import LONGEST_MESSAGE, Failure
    from meli_tasks.notifications.message import run_page

    task = context["ti"]
    error = context.get("exception")
    message = str(error) if error else "its process ended without a word: killed, or out of memory"
    if error and not told_by_us(error):
        message = f"{type(error).__name__}: {message}"
    index = map_index_of(context)
    page = run_page(settings, dag_run)
    return Failure(
        task=task.task_id,
        of=str(getattr(task, "rendered_map_index", None) or (index if index >= 0 else "")),
        message=" ".join(message.split())[:LONGEST_MESSAGE],
        at=datetime.now(UTC).isoformat(),
        url=f"{page}/tasks/{task.task_id}{f'/mapped/{index}' * (index >= 0)}" if page else "",
    )


def told_by_us(error: object) -> bool:
    """Whether an error's message is a sentence for people, so that its kind says nothing more."""
    from airflow.sdk.exceptions import AirflowFailException

    return isinstance(error, MeliError | AirflowFailException)


def map_index_of(context: Context) -> int:
    """The number of a mapped task instance; -1 for one that is not mapped."""
    index = getattr(context["ti"], "map_index", None)
    return -1 if index is None else int(index)
