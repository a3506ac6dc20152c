"""Health checks of the services: exit with 0 or 1 within a fraction of a second, without loading Airflow."""

from __future__ import annotations

import os
import socket
import sys
import urllib.request
from collections.abc import Callable

FRESH_SECONDS = 45


def answers(url: str) -> bool:
    """Whether a server answers with HTTP status 200."""
    with urllib.request.urlopen(url, timeout=4) as response:
        return bool(response.status == 200)


def beats(job: str) -> bool:
    """Whether a job of this container, such as SchedulerJob, has a recent heartbeat in the database."""
    import psycopg2

    address = os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg2", "", 1)
    with psycopg2.connect(address, connect_timeout=4) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from job where job_type = %s and hostname = %s and state = 'running'"
            " and latest_heartbeat > now() - make_interval(secs => %s)",
            (job, socket.getfqdn(), FRESH_SECONDS),
        )
        row = cursor.fetchone()
    return bool(row and row[0])


def consumes() -> bool:
    """Whether this container's Celery worker answers through the broker."""
    from celery import Celery

    name = f"celery@{socket.gethostname()}"
    with Celery(broker=os.environ["AIRFLOW__CELERY__BROKER_URL"]) as app:
        return bool(app.control.inspect(destination=[name], timeout=4).ping())


CHECKS: dict[str, Callable[..., bool]] = {"answers": answers, "beats": beats, "consumes": consumes}

if __name__ == "__main__":
    check, *arguments = sys.argv[1:]
    sys.exit(0 if CHECKS[check](*arguments) else f"{' '.join(sys.argv[1:])}: no")
