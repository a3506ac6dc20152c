from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from meli_tasks.airflow_client import TaskInstance
from meli_tasks.artifacts import paths
from meli_tasks.execution.runner import Step
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.preview import Preview
from meli_tasks.planning.recipes import Recipe
from meli_tasks.planning.request import Request
from meli_tasks.stack.watch import Watch
from meli_tasks.store import open_store

RUN = "manual__1"
TRAIN = Step("train", "mlp", {"architecture": "mlp"}, {"preprocess": "p", "embed": "e"})


class Airflow:
    """What the api-server would answer."""

    def __init__(self, instances: list[dict[str, Any]], returned: dict[tuple[str, int], Any]) -> None:
        self.instances = instances
        self.values = returned
        self.num_requests = 0

    def tasks(self, dag: str, run: str) -> list[TaskInstance]:
        return [TaskInstance.model_validate(instance) for instance in self.instances]

    def returned(self, dag: str, run: str, task: str, index: int = -1) -> Any:
        self.num_requests += 1
        return self.values.get((task, index))


def instance(task: str, state: str | None, index: int = -1, **more: Any) -> dict[str, Any]:
    return {"task_id": task, "map_index": index, "state": state, "try_number": 1, "duration": 1.5, **more}


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    ingest = Step("ingest", "sample", {}, {"source": "s"})
    preprocess = Step("preprocess", "words", {}, {"ingest": ingest.key})
    made = Plan(
        run_id=RUN, at="", as_of="", dag_run_url="", ingest=ingest,
        request=Request(source="sample", sets=("mlp",), ensemble=False),
        recipes=(Recipe("words", preprocess, (Step("embed", "fasttext", {}, {"preprocess": preprocess.key}),)),),
        sets={"mlp": TRAIN},
    )  # fmt: skip
    made.save(open_store(tmp_path.joinpath("store").as_uri()))
    return made


def watching(tmp_path: Path, plan: Plan, instances: list[dict[str, Any]], **returned: Any) -> tuple[Watch, Airflow]:
    values = {
        ("plan", -1): {"plan": plan.name},
        **{(name, -1): value for name, value in returned.items()},
    }
    airflow = Airflow(instances, values)
    store = open_store(tmp_path.joinpath("store").as_uri())
    return Watch(airflow, store, RUN, tmp_path / "logs"), airflow  # type: ignore[arg-type]


def test_tasks_come_in_the_order_they_run_and_bookkeeping_only_when_it_fails(tmp_path: Path, plan: Plan) -> None:
    instances = [
        instance("train_mlp", None, 0, rendered_map_index="mlp"),
        instance("mlp_sets", "success"),
        instance("cnn_sets", "failed"),
        instance("plan", "success"),
    ]
    watch, _ = watching(tmp_path, plan, instances)
    assert [(task.label, task.state) for task in watch.tasks()] == [
        ("plan", "success"),
        ("train mlp", "waiting"),
        ("cnn_sets", "failed"),
    ]


def test_a_cache_hit_is_asked_for_once(tmp_path: Path, plan: Plan) -> None:
    watch, airflow = watching(tmp_path, plan, [instance("ingest", "success")], ingest={"hit": True})
    assert [task.hit for task in watch.tasks()] == [True]
    num_requests = airflow.num_requests
    assert [task.hit for task in watch.tasks()] == [True]
    assert airflow.num_requests == num_requests


@pytest.mark.parametrize(("run_id", "seen"), [(RUN, 3), ("another run", None)])
def test_a_running_training_shows_its_own_note_only(tmp_path: Path, plan: Plan, run_id: str, seen: int | None) -> None:
    running = instance("train_mlp", "running", 0, rendered_map_index="mlp", start_date="2026-11-21T10:00:00Z")
    watch, _ = watching(tmp_path, plan, [running])
    note = {"run_id": run_id, "state": "running", "epoch": 3}
    open_store(tmp_path.joinpath("store").as_uri()).write(
        paths.progress_log("train", TRAIN.key), json.dumps(note).encode()
    )
    note_of_task = watch.tasks()[0].note
    assert (note_of_task.epoch if note_of_task else None) == seen


def lines(*events: dict[str, Any] | str) -> str:
    return "\n".join(event if isinstance(event, str) else json.dumps(event) for event in events)


OURS = {"level": "error", "logger": "meli_tasks", "event": "train mlp: loss nan at step 12"}
PYTHONS = {
    "level": "error",
    "logger": "task",
    "event": "Task failed with exception",
    "error_detail": [{"exc_type": "ValueError", "exc_value": "7 is odd"}],
}


@pytest.mark.parametrize(
    ("log", "message"),
    [
        (lines({"level": "info", "event": "a"}, OURS, PYTHONS), "train mlp: loss nan at step 12"),
        (lines("printed by a library {", PYTHONS), "ValueError: 7 is odd"),
        (lines({"level": "info", "event": "a"}), "its log has no error; it was killed, or never started"),
        (None, "its log has no error; it was killed, or never started"),
    ],
)
def test_a_failure_is_told_in_our_words_else_in_pythons(
    tmp_path: Path, plan: Plan, log: str | None, message: str
) -> None:
    watch, _ = watching(tmp_path, plan, [instance("train_mlp", "failed", 0, rendered_map_index="mlp")])
    file = tmp_path / f"logs/dag_id=meli_training/run_id={RUN}/task_id=train_mlp/map_index=0/attempt=1.log"
    file.parent.mkdir(parents=True)
    if log is not None:
        file.write_text(log, encoding="utf-8")
    task = watch.tasks()[0]
    assert task.message == message
    assert watch.log_file(task) == file


def test_the_estimate_is_that_of_the_preview(tmp_path: Path, plan: Plan) -> None:
    watch, _ = watching(tmp_path, plan, [])
    assert watch.estimate() is None
    Preview(estimate_seconds=70.0).save(plan, open_store(tmp_path.joinpath("store").as_uri()))
    assert watch.estimate() == 70.0


def test_the_approval_is_displayed_only_while_somebody_is_asked(tmp_path: Path, plan: Plan) -> None:
    for state, shown in (("skipped", []), (None, []), ("deferred", ["approve"])):
        watch, _ = watching(tmp_path, plan, [instance("approve", state)])
        assert [task.task for task in watch.tasks()] == shown
