"""The dates of the runs of a DAG: which are possible, and which one a run is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pendulum

if TYPE_CHECKING:
    from datetime import date

    from airflow.sdk.types import DagRunProtocol

FIRST_POSSIBLE = pendulum.datetime(1900, 1, 1)
"""The start date of every DAG. Airflow ends a run with an earlier logical date as successful, without a task.

No run is scheduled for the past, as no DAG catches up.
"""


def run_date(dag_run: DagRunProtocol, timezone: str) -> date:
    """The run's date in the schedule's time zone: a run at 03:00 there belongs to that day, whatever the day in UTC.

    A run that an asset started has no logical date; then it is the date from which it may run.
    """
    moment = dag_run.logical_date or dag_run.run_after
    return pendulum.instance(moment).in_timezone(timezone).date()
