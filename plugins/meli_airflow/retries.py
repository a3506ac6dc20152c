"""How often a task is retried and how long it may take, by the kind of its error (docs/adr/0023-retries-by-kind.md)."""

from __future__ import annotations

import errno
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import RetryDecision, RetryPolicy
from typing_extensions import override

from meli_tasks.core.errors import MeliError, Unreachable

if TYPE_CHECKING:
    from airflow.sdk import Context

    from meli_tasks.settings import Settings

FIRST_DELAY = timedelta(seconds=45)  # longer than an api-server's restart
GROWTH = 2.0
LONGEST_DELAY = timedelta(minutes=30)
UNEXPECTED = 3
"""Retries after an error that is none of ours, such as a fault of the code, which a person should soon hear of."""
USUAL_TIMEOUT = timedelta(hours=6)


def retry_arguments(settings: Settings) -> dict[str, Any]:
    """The arguments of every task: Airflow's own delays count where the policy cannot, after a worker was killed."""
    return {
        "retries": retries_within(timedelta(hours=settings.retry_hours)),
        "retry_delay": FIRST_DELAY,
        "retry_exponential_backoff": GROWTH,
        "max_retry_delay": LONGEST_DELAY,
        "retry_policy": ByKind(),
        "execution_timeout": USUAL_TIMEOUT,
    }


def retries_within(budget: timedelta) -> int:
    """The fewest retries whose delays together last as long as the budget."""
    waited, retries = timedelta(0), 0
    while waited < budget:
        waited += delay_before(retries + 1)
        retries += 1
    return retries


def delay_before(retry: int, first: timedelta = FIRST_DELAY) -> timedelta:
    """How long to wait before this retry, counted from 1."""
    steps = min(retry - 1, 30)  # further ones are at the longest delay, and would overflow
    return min(LONGEST_DELAY, first * GROWTH**steps)


def is_outage(exception: BaseException) -> bool:
    """Whether what failed may be there again later, also if a library reported it in its own way."""
    full = isinstance(exception, OSError) and exception.errno in (errno.ENOSPC, errno.EDQUOT)
    return full or isinstance(exception, Unreachable | ConnectionError | TimeoutError)


class ByKind(RetryPolicy):
    """Retries outages until the retries are used up, unexpected errors a few times, and what is permanent never."""

    @override
    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        if isinstance(exception, MeliError) and not exception.retryable:
            return RetryDecision.fail("The same input would give the same error.")
        if type(exception).__name__ == "HITLTimeoutError":  # a retry would ask again, for as long
            return RetryDecision.fail("Nobody answered in time.")
        task = context["task"] if context else None
        # A task that was cleared counts its tries on; only those since then matter.
        retries = (task.retries if task else None) or 0
        retry = max(1, try_number - max(0, max_tries - retries))
        if retry > UNEXPECTED and not is_outage(exception):
            return RetryDecision.fail(f"An unexpected error is not retried after the first {UNEXPECTED} retries.")
        return RetryDecision.retry(delay_before(retry, task.retry_delay if task else FIRST_DELAY))
