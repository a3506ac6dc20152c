"""Lets a scheduler whose executor runs tasks in its own children (LocalExecutor) import for them what they need.

Airflow calls the listener before the executor forks its workers, from which the tasks are forked. Every task loads this
file, so it stays small.
"""

from __future__ import annotations

import logging
import sys

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

logger = logging.getLogger("meli_tasks")


class Preload:
    """Airflow's listener for processes that start."""

    @hookimpl
    def on_starting(self, component: object) -> None:
        """In tasks, and in everything but such a scheduler, do nothing."""
        if not (is_scheduler(component) and forks_tasks()):
            return
        try:
            import meli_airflow.preload  # noqa: F401 - only to load it
        except Exception:
            # Each task then imports by itself, and reports what is wrong.
            logger.exception("What tasks need could not be imported in advance: each task will take longer to start.")


def is_scheduler(component: object) -> bool:
    """Whether it is the job of a scheduler, and not a task forked from one."""
    if sys.argv[1:2] != ["scheduler"]:  # the job does not know its kind yet
        return False
    from airflow.jobs.job import Job

    return isinstance(component, Job)


def forks_tasks() -> bool:
    """Whether one of this scheduler's executors forks its tasks from this process."""
    import multiprocessing

    from airflow.executors.executor_loader import ExecutorLoader
    from airflow.executors.local_executor import LocalExecutor

    if multiprocessing.get_start_method() != "fork":
        return False
    executors = (ExecutorLoader.import_executor_cls(name)[0] for name in ExecutorLoader.get_executor_names())
    return any(issubclass(executor, LocalExecutor) for executor in executors)


class MeliPreload(AirflowPlugin):
    """The listener that imports in the scheduler what the tasks forked from it need."""

    name = "meli_preload"
    listeners = [Preload()]  # noqa: RUF012 - Airflow reads a list
