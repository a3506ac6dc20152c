"""The entry points of this package: a run ends, is late or waits for a person, or one of its tasks fails.

None of them raises: the caller is about to end a run, and a notification must not prevent that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from meli_tasks.core.errors import MeliError
from meli_tasks.notifications import delivery, failures, message, unfinished
from meli_tasks.notifications.failures import Failure
from meli_tasks.notifications.limits import within
from meli_tasks.notifications.message import DagRun, Notification, Verdict
from meli_tasks.redaction import redact
from meli_tasks.settings import Settings
from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")

COMPOSE_SECONDS = 15.0
"""With the limits of `delivery` less than the 50 s after which Airflow ends a callback."""


def run_ended(dag_run: DagRun, *, succeeded: bool) -> None:
    """Send the notification of a run that ended."""
    # A run that succeeded may have promoted a model or had nothing new; only the store knows which.
    verdict: Verdict = "kept" if succeeded else "failed"
    _send(dag_run, verdict, lambda settings, store: message.of_end(settings, store, dag_run, succeeded=succeeded))


def run_late(dag_run: DagRun, minutes: float) -> None:
    """Send the notification of a run that has not ended `minutes` after it was queued."""
    _send(dag_run, "late", lambda settings, store: unfinished.of_a_late_run(settings, store, dag_run, minutes))


def run_waits(dag_run: DagRun) -> None:
    """Send the notification of a run that waits for a person to approve a model."""
    _send(dag_run, "waiting", lambda settings, store: unfinished.of_a_waiting_run(settings, store, dag_run))


def task_failed(dag_run: DagRun, failure: Failure, map_index: int) -> None:
    """Keep in the store why a task failed, so that the notification at the end of its run can say it."""
    try:
        failures.keep(Settings.from_environment().open_store(), dag_run.run_id, failure, map_index)
    except MeliError as error:
        logger.warning("the notification of this run will not say why %s failed: %s", failure.task, error)


def _composed(settings: Settings, compose: Callable[[Settings, Store], Notification]) -> tuple[Store, Notification]:
    store = settings.open_store()
    return store, compose(settings, store)


def _send(dag_run: DagRun, verdict: Verdict, compose: Callable[[Settings, Store], Notification]) -> None:
    """Compose a notification from the store and send it; a bare one when the store cannot be read."""
    try:
        settings = Settings.from_environment()
        store: Store | None = None
        try:
            store, notification = within(COMPOSE_SECONDS, lambda: _composed(settings, compose))
        except MeliError as error:
            logger.error("composing the notification of %s without the store: %s", dag_run.run_id, error)
            store, notification = None, message.without_the_store(settings, dag_run, verdict, redact(str(error)))
        delivery.send(notification, settings, store)
    except Exception:  # any error is logged, because the run must still end
        logger.exception("Could not send the notification of %s (%s)", dag_run.run_id, verdict)
