"""Entries in Airflow's audit log, which Airflow's own page of that name lists."""

from __future__ import annotations

import json
from typing import Any


def record(event: str, user: Any, reason: str, dag_id: str, run_id: str | None = None, **more: str) -> None:
    """Record what a person did and why."""
    from airflow.models.log import Log
    from airflow.utils.retries import run_with_db_retries
    from airflow.utils.session import create_session

    name, extra = user.get_name(), json.dumps({**more, "reason": reason}, ensure_ascii=False)
    for attempt in run_with_db_retries():  # it is done already, so a database that is locked must not lose the entry
        with attempt, create_session() as session:
            session.add(Log(event, owner=name, owner_display_name=name, extra=extra, dag_id=dag_id, run_id=run_id))
