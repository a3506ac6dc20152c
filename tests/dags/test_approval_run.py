"""A promotion that a person approves on a real stack: Airflow's scheduler and api-server, an S3 server, MLflow."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import pytest

from meli_tasks.airflow_client import AirflowApi
from meli_tasks.core.errors import MeliError
from meli_tasks.ledger import Ledger
from meli_tasks.settings import Settings
from meli_tasks.stack.demo import wait_for_dag
from meli_tasks.stack.home import Home
from meli_tasks.stack.services import Stack
from meli_tasks.stack.start import StackStart
from tests import waiting

pytestmark = [pytest.mark.timeout(3600), pytest.mark.cluster]

TRAINING = "meli_training"
ENDED = ("success", "failed")
WEAK = {"train.epochs": 1, "embed.dimensions": 2, "preprocess.max_ngrams": 500}
BETTER = {"train.epochs": 8, "embed.dimensions": 16, "preprocess.max_ngrams": 500}
CONF = {"source": "sample:rows=1500,seed=1", "sets": ["quick_mlp"], "promotion": "approval"}
T = TypeVar("T")


class Api(AirflowApi):
    """What a person does on Airflow's pages."""

    scheduler_log: Path | None = None

    def question(self, run: str) -> dict[str, Any]:
        found: dict[str, Any] = self._call("GET", self._path(run))
        return found

    def respond(self, run: str, chosen: str, reason: str = "") -> None:
        self._call("PATCH", self._path(run), {"chosen_options": [chosen], "params_input": {"reason": reason}})

    def answer(self, run: str, chosen: str, reason: str = "") -> None:
        """Answer the question, unless it is answered; asked again, answer again."""
        if self.scheduler_saw_it_wait(run) and not self.question(run)["response_received"]:
            self.respond(run, chosen, reason)

    def scheduler_saw_it_wait(self, run: str) -> bool:
        """Whether the task waits, and Airflow's scheduler has seen the end of the process that asked.

        Airflow 3.3.2 fails the try of a task that is answered before that. A person is slower.
        """
        [task] = [task for task in self.tasks(TRAINING, run) if task.task_id == "approve"]
        if task.state != "awaiting_input" or not self.scheduler_log:
            return False
        key = rf"task_id='approve', run_id='{re.escape(run)}', try_number={task.try_number}, "
        return bool(re.search(rf"Received executor event .*{key}", self.scheduler_log.read_text(encoding="utf-8")))

    def state(self, run: str, name: str) -> str:
        return next((str(task.state) for task in self.tasks(TRAINING, run) if task.task_id == name), "")

    def fail(self, run: str) -> None:
        self._call("PATCH", f"/dags/{TRAINING}/dagRuns/{quote(run)}", {"state": "failed"})

    def clear_from(self, run: str, task: str) -> None:
        body = {"dry_run": False, "dag_run_id": run, "task_ids": [task], "include_downstream": True}
        self._call(
            "POST", f"/dags/{TRAINING}/clearTaskInstances", {**body, "only_failed": False, "reset_dag_runs": True}
        )

    def until(self, condition: Callable[[], T | None], run: str) -> T:
        progress = lambda: [(task.task_id, task.map_index, task.state) for task in self.tasks(TRAINING, run)]  # noqa: E731
        return waiting.until(condition, progress, idle_seconds=900, message=lambda: f"Late: {progress()}")

    def ended(self, run: str, chosen: str = "", reason: str = "") -> str:
        """The state in which a run ends whose question gets this answer."""

        def state() -> str | None:
            if chosen:
                self.answer(run, chosen, reason)
            found = self.run_state(TRAINING, run)
            return found if found in ENDED else None

        return self.until(state, run)

    def asks(self, run: str) -> None:
        self.until(lambda: self.state(run, "approve") == "awaiting_input" or None, run)

    def _path(self, run: str) -> str:
        return f"/dags/{TRAINING}/dagRuns/{quote(run)}/taskInstances/approve/-1/hitlDetails"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = Home(tmp_path_factory.mktemp("approval") / "home")
    before = dict(os.environ)
    start = StackStart(home, say=lambda line: None)
    try:
        stack = start.run(Settings.from_environment({"MELI_SCHEDULE": "none", "MELI_SOURCE": CONF["source"]}))  # type: ignore[dict-item]
        wait_for_dag(stack)
        stack.api.keep_pool("gpu", 1, "trainings that run at once")
        yield stack
    finally:
        start.undo()
        os.environ.clear()
        os.environ.update(before)


def test_a_person_approves_rejects_and_answers_too_late(stack: Stack) -> None:
    api = Api(stack.airflow_url, "admin", stack.secrets.airflow_password)
    api.scheduler_log = stack.home.logs / "airflow-scheduler.log"
    ledger = Ledger(Settings.from_environment(stack.settings).open_store())

    first = api.trigger(TRAINING, {**CONF, "overrides": WEAK}, "a test")
    api.asks(first)
    assert ledger.last() is None
    question = api.question(first)
    assert question["subject"] == "Promote quick_mlp as the first champion?"
    assert "| challenger quick_mlp |" in question["body"] and "/meli/api/report/" in question["body"]
    assert api.ended(first, "Approve", "the first one") == "success"
    promoted = ledger.last()
    assert promoted and promoted.approval
    assert (promoted.number, promoted.action, promoted.by) == (1, "promote", first)
    assert (promoted.approval.by, promoted.approval.reason) == ("admin", "the first one")
    with pytest.raises(MeliError, match="409"):
        api.respond(first, "Reject")

    # A run that failed while it waited: the answer comes too late, and clearing `decide` asks again.
    limits = {"min_gain": 0.0, "min_probability": 0.5}
    second = api.trigger(TRAINING, {**CONF, **limits, "overrides": BETTER}, "a test")
    api.asks(second)
    api.fail(second)
    assert api.ended(second) == "failed"
    api.respond(second, "Approve", "too late")
    assert api.run_state(TRAINING, second) == "failed"
    assert ledger.last() == promoted
    api.clear_from(second, "decide")
    api.asks(second)
    assert api.ended(second, "Reject", "not today") == "success"
    kept = ledger.last()
    assert kept and kept.approval and kept.champion == promoted.champion
    assert (kept.number, kept.action, kept.approval.by, kept.approval.approved) == (2, "keep", "admin", False)
    assert "stays champion. Rejected by admin (not today)." in kept.reason
    assert [api.state(second, task) for task in ("decide", "approve", "promote")] == ["success"] * 3
