"""The date that a run of a DAG is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pendulum

if TYPE_CHECKING:
    from datetime import date

    from airflow.sdk.types import DagRunProtocol


def run_date(dag_run: DagRunProtocol, timezone: str) -> date:
    """The run's date in the schedule's time zone: a run at 03:00 there belongs to that day, whatever the day in UTC.

    A run that an asset started has no logical date; then it is the date from which it may run.
    """
    moment = dag_run.logical_date or dag_run.run_after
    return pendulum.instance(moment).in_timezone(timezone).date()
