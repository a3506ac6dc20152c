"""How long MLflow is waited for."""

from __future__ import annotations

from dataclasses import dataclass

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 10.0


@dataclass(frozen=True)
class Patience:
    """How long to wait for MLflow.

    Args:
        connect_seconds: To connect.
        answer_seconds: For one answer.
        total_seconds: For all answers together; None for no limit.
        usual_seconds: What an answer takes without counting. A run with many sets asks a healthy server for longer
            than its budget.
    """

    connect_seconds: float = CONNECT_SECONDS
    answer_seconds: float = ANSWER_SECONDS
    total_seconds: float | None = None
    usual_seconds: float = 0.0


DEFAULT_PATIENCE = Patience()
QUICK = Patience(connect_seconds=2.0, answer_seconds=3.0, total_seconds=6.0)
"""For what a person, or the first task of a run, should not wait for."""
USUAL_SECONDS = 0.5


def patience_of_a_task(seconds: float) -> Patience:
    """For a task, or for all tasks of a run in one process: what is not sent in time is sent later."""
    return Patience(total_seconds=seconds, usual_seconds=USUAL_SECONDS)


IN_VAIN = Patience(connect_seconds=1.0, answer_seconds=1.5, total_seconds=1.0, usual_seconds=USUAL_SECONDS)
"""For a task of a run in which another task has waited in vain: a server that answers again costs nothing."""
