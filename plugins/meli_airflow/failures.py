"""How a task shows a failure of ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowFailException

from meli_tasks.core.errors import MeliError

logger = logging.getLogger("meli_tasks")


@contextmanager
def plain_failures() -> Iterator[None]:
    """Show a failure of ours as its message; what a retry cannot mend fails at once."""
    try:
        yield
    except MeliError as error:
        logger.error("%s", error)
        if not error.retryable:
            raise AirflowFailException(str(error)) from None
        raise
