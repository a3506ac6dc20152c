"""How a task reports an error of this project."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowFailException

from meli_tasks.core.errors import MeliError

logger = logging.getLogger("meli_tasks")


@contextmanager
def plain_failures() -> Iterator[None]:
    """Log the message of a `MeliError`; if no retry can fix it, fail the task without retrying."""
    try:
        yield
    except MeliError as error:
        logger.error("%s", error)
        if not error.retryable:
            raise AirflowFailException(str(error)) from None
        raise
