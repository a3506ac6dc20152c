"""What the cluster tests need of Airflow's REST API beyond what the demo needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from meli_tasks.airflow_client import AirflowApi
from tests import waiting

TRAINING, BACKFILL = "meli_training", "meli_backfill"
IDLE_SECONDS = 1500.0
"""How long the tasks of a run may keep their states: the longest training, on a machine with four times the load."""


@dataclass(frozen=True)
class Task:
    """A task instance: its name is the set's where the task is mapped over sets."""

    task: str
    index: int
    name: str
    state: str
    tries: int
    worker: str
    queued: datetime | None
    started: datetime | None
    ended: datetime | None

    @property
    def label(self) -> str:
        """Its name in a message."""
        return f"{self.task}[{self.name}]" if self.index >= 0 else self.task

    @property
    def seconds(self) -> float:
        """From queued to ended."""
        assert self.queued and self.ended, self
        return (self.ended - self.queued).total_seconds()

    def overlaps(self, other: Task) -> bool:
        """Whether both ran at one time."""
        assert self.started and self.ended and other.started and other.ended, (self, other)
        return self.started < other.ended and other.started < self.ended


class ClusterApi(AirflowApi):
    """One signed-in user of the cluster's api-server."""

    def pool(self, name: str) -> dict[str, Any]:
        """A pool as the API gives it."""
        found: dict[str, Any] = self._call("GET", f"/pools/{name}")
        return found

    def run(self, dag: str, run: str) -> dict[str, Any]:
        """A run as the API gives it."""
        found: dict[str, Any] = self._call("GET", f"/dags/{dag}/dagRuns/{quote(run)}")
        return found

    def pause(self, dag: str, *, paused: bool) -> None:
        """Pause a DAG, whose running tasks end and whose others wait, or end the pause."""
        self._call("PATCH", f"/dags/{dag}", {"is_paused": paused})

    def runs(self, dag: str) -> list[dict[str, Any]]:
        """The DAG's runs, newest first."""
        found: list[dict[str, Any]] = self._call("GET", f"/dags/{dag}/dagRuns?limit=100&order_by=-id")["dag_runs"]
        return found

    def instances(self, run: str, dag: str = TRAINING) -> list[Task]:
        """The run's task instances."""
        return [
            Task(
                task=found.task_id,
                index=found.map_index,
                name=found.rendered_map_index or "",
                state=str(found.state),
                tries=found.try_number or 0,
                worker=found.hostname or "",
                queued=found.queued_when,
                started=found.start_date,
                ended=found.end_date,
            )
            for found in self.tasks(dag, run)
        ]

    def log(self, run: str, task: Task, try_number: int, dag: str = TRAINING) -> str:
        """What a try of a task logged, one event a line."""
        path = f"/dags/{dag}/dagRuns/{quote(run)}/taskInstances/{task.task}/logs/{try_number}"
        found = self._call("GET", f"{path}?map_index={task.index}&full_content=true")
        return "\n".join(line if isinstance(line, str) else str(line.get("event", line)) for line in found["content"])

    def wait(self, run: str, dag: str = TRAINING) -> str:
        """The state in which the run ended.

        Raises:
            Idle: none of its tasks has changed its state for so long; the message lists them.
        """

        def ended() -> str:
            state = self.run_state(dag, run)
            return state if state in {"success", "failed"} else ""

        return waiting.until(
            ended,
            lambda: self.states(run, dag),
            idle_seconds=IDLE_SECONDS,
            message=lambda: f"{run} has not ended: {self.states(run, dag)}",
        )

    def states(self, run: str, dag: str = TRAINING) -> str:
        """The states of the run's tasks, for a message."""
        return ", ".join(f"{task.label} {task.state} (try {task.tries})" for task in self.instances(run, dag))
