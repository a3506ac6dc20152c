"""How a task reports an error of this project."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.log import mask_secret

from meli_tasks.core.errors import MeliError
from meli_tasks.redaction import redact, watch

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
    """Log the message of a `MeliError`; if no retry can fix it, fail the task without retrying.

    Airflow masks every secret that this process knows or learns, in the log of the task and in what it renders.
    """
    watch(mask_secret)
    try:
        yield
    except MeliError as error:
        message = redact(str(error))
        logger.error("%s", message)
        if not error.retryable:
            raise AirflowFailException(message) from None
        raise
