"""The state of a run of `meli_training`: Airflow's task instances joined with the stages' progress in the store."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meli_tasks.airflow_client import AirflowApi, TaskInstance
from meli_tasks.execution.progress_log import ProgressNote, read_progress
from meli_tasks.execution.runner import Step
from meli_tasks.planning.evaluation import Evaluated
from meli_tasks.planning.plan import Plan, ensemble_step
from meli_tasks.planning.preview import Preview
from meli_tasks.stages.summaries import ENSEMBLE
from meli_tasks.store import Store

DAG = "meli_training"
# In the order they run; the DAG's other tasks are bookkeeping and are displayed only if they fail.
STAGES = (
    "plan", "ingest", "preprocess", "embed", "train_mlp", "train_cnn", "search", "ensemble", "evaluate", "decide",
    "approve", "promote",
)  # fmt: skip
# Most runs skip these, so they are displayed only if they are in another state.
OPTIONAL = frozenset({"search", "approve"})
ENDED = frozenset({"success", "failed", "upstream_failed", "skipped", "removed"})


@dataclass
class Task:
    """One task instance, as it is displayed."""

    task: str
    index: int
    name: str
    state: str
    seconds: float
    attempt: int
    hit: bool = False
    note: ProgressNote | None = None
    ended: str = ""
    message: str = ""

    @property
    def label(self) -> str:
        """Its stage, and its name if there are several."""
        stage = "train" if self.task.startswith("train_") else self.task
        return f"{stage} {self.name}" if self.name else self.task


class Watch:
    """Watches one run."""

    def __init__(self, api: AirflowApi, store: Store, run: str, logs: Path) -> None:
        self.run = run
        self._api = api
        self._store = store
        self._logs = logs
        self._plan: Plan | None = None
        self._preview: Preview | None = None
        self._messages: dict[tuple[str, int, int], str] = {}
        self._hits: dict[tuple[str, int], bool] = {}

    def state(self) -> str:
        """The run's state in Airflow: queued, running, success or failed."""
        return self._api.run_state(DAG, self.run)

    def plan(self) -> Plan | None:
        """The run's plan; None until it exists."""
        if self._plan is None and (planned := self._api.returned(DAG, self.run, "plan")):
            self._plan = Plan.load(self._store, planned["plan"])
        return self._plan

    def estimate(self) -> float | None:
        """The seconds of the run by past runs; None until its plan exists, or without a similar past run."""
        plan = self.plan()
        if plan is not None and self._preview is None:
            self._preview = Preview.load(self._store, plan)
        return self._preview.estimate_seconds if self._preview else None

    def tasks(self) -> list[Task]:
        """The run's tasks in the order they run."""
        found = [self._task(instance) for instance in self._api.tasks(DAG, self.run)]
        found = [task for task in found if task.task not in OPTIONAL or task.state not in ("waiting", "skipped")]
        shown = [task for task in found if task.task in STAGES or task.state == "failed"]
        order = {name: place for place, name in enumerate(STAGES)}
        return sorted(shown, key=lambda task: (order.get(task.task, len(order)), task.index))

    def _message(self, task: Task) -> str:
        """Why a task failed: the error that it logged, or else its exception."""
        at = (task.task, task.index, task.attempt)
        if at not in self._messages:
            self._messages[at] = self._message_in_log(task)
        return self._messages[at]

    def _message_in_log(self, task: Task) -> str:
        event = ""
        for line in self._log_lines(task):
            if line.get("level") in ("error", "critical"):
                if line.get("logger") == "meli_tasks":
                    return str(line.get("event", ""))
                errors = line.get("error_detail") or []
                if errors:
                    event = f"{errors[0].get('exc_type', '')}: {errors[0].get('exc_value', '')}"
        return event or "its log has no error; it was killed, or never started"

    def log_file(self, task: Task) -> Path:
        """The log file of a task's last attempt."""
        mapped = f"/map_index={task.index}" if task.index >= 0 else ""
        folder = self._logs / f"dag_id={DAG}/run_id={self.run}/task_id={task.task}{mapped}"
        return folder / f"attempt={max(1, task.attempt)}.log"

    def returned(self, task: str, index: int = -1) -> Any:
        """What a task returned."""
        return self._api.returned(DAG, self.run, task, index)

    def evaluated(self) -> Evaluated | None:
        """What the task evaluate returned; None until it has ended."""
        returned = self.returned("evaluate")
        return Evaluated.model_validate(returned) if returned else None

    def _task(self, instance: TaskInstance) -> Task:
        task = Task(
            task=instance.task_id,
            index=instance.map_index,
            name=instance.rendered_map_index or "",
            state=instance.state or "waiting",
            seconds=instance.seconds,
            attempt=instance.try_number or 0,
            ended=instance.end_date.isoformat() if instance.end_date else "",
        )
        if task.state == "success":
            task.hit = self._hit(task)
        elif task.state == "running":
            task.note = self._note(task)
        elif task.state in ("failed", "up_for_retry"):
            task.message = self._message(task)
        return task

    def _hit(self, task: Task) -> bool:
        """Whether a task reused its result instead of computing it; requested only once, as it no longer changes."""
        at = (task.task, task.index)
        if at not in self._hits:
            answer = self.returned(*at)
            parts = answer if isinstance(answer, list) else [answer]
            self._hits[at] = all(isinstance(part, dict) and bool(part.get("hit")) for part in parts)
        return self._hits[at]

    def _note(self, task: Task) -> ProgressNote | None:
        """The stage's progress: the latest note of this run about one of the task's steps."""
        for step in reversed(self._steps(task)):
            note = read_progress(self._store, step.stage, step.key)
            if note.run_id == self.run and note.running:
                return note
        return None

    def _steps(self, task: Task) -> list[Step]:
        plan = self.plan()
        if plan is None:
            return []
        if task.task.startswith("train_"):
            return [step] if (step := plan.training_run(task.name)) else []
        if task.task == "ingest":
            return list(plan.all_listings)
        if task.task in ("preprocess", "embed") and task.index >= 0:
            recipe = plan.all_recipes[task.index]
            return [recipe.preprocess] if task.task == "preprocess" else list(recipe.embeds)
        if task.task == ENSEMBLE and (step := ensemble_step(plan, list(plan.sets))):
            return [step]
        return []

    def _log_lines(self, task: Task) -> list[dict[str, Any]]:  # JSON Lines that Airflow writes
        try:
            text = self.log_file(task).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        lines = []
        for line in text.splitlines():
            try:
                parsed = json.loads(line)
            except json.JSONDecodeError:
                continue  # printed by a library
            lines.append(parsed if isinstance(parsed, dict) else {})
        return lines
