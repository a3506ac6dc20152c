"""How a task reports an error of this project."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from airflow.sdk.exceptions import AirflowFailException

from meli_tasks.core.errors import MeliError

logger = logging.getLogger("meli_tasks")

Returned = TypeVar("Returned")


def need(returned: Returned | None, task: str) -> Returned:
    """What a task returned.

    Raises:
        AirflowFailException: it returned nothing, as if it was marked as success by hand; a retry would not help.
    """
    if returned is None:
        raise AirflowFailException(
            f"The task {task} has no result, probably because it was marked as success by hand. Clear {task} to run it."
        )
    return returned


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
