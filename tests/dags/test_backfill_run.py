"""Backfills on a real stack: Airflow's scheduler, triggerer and api-server, an S3 server, MLflow. Nothing is faked."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import pytest

from meli_tasks.airflow_client import AirflowApi
from meli_tasks.artifacts import paths
from meli_tasks.backfill.request import POOL_SLOTS
from meli_tasks.ledger import Ledger
from meli_tasks.settings import Settings
from meli_tasks.stack.demo import wait_for_dag
from meli_tasks.stack.home import Home
from meli_tasks.stack.services import Stack
from meli_tasks.stack.start import StackStart
from meli_tasks.store import Store
from meli_tasks.tracking.client import MlflowServer
from tests import waiting
from tests.cli.program import meli

pytestmark = [pytest.mark.timeout(7200), pytest.mark.cluster]

BACKFILL, TRAINING = "meli_backfill", "meli_training"
TITLES = "sample:rows=1500,seed=1,day={ds}"
QUICK = {"train.epochs": 2, "embed.dimensions": 8, "preprocess.max_ngrams": 500}
OVERRIDES = [word for key, value in QUICK.items() for word in ("--override", f"{key}={value}")]
NATIVE_DAY = "2026-11-05"
ENDED = ("success", "failed")
T = TypeVar("T")


class Api(AirflowApi):
    """What these tests need beyond what the project needs."""

    def run(self, dag: str, run: str) -> dict[str, Any]:
        found: dict[str, Any] = self._call("GET", f"/dags/{dag}/dagRuns/{quote(run)}")
        return found

    def runs(self, dag: str) -> dict[str, dict[str, Any]]:
        found = self._call("GET", f"/dags/{dag}/dagRuns?limit=100")["dag_runs"]
        return {run["dag_run_id"]: run for run in found}

    def answer(self, run: str, chosen: str) -> None:
        """Answer the question of `approve`, unless it is answered.

        Airflow 3.3.2 takes a task for failed whose question is answered before its scheduler has seen that it waits.
        Then the task is retried and asks again, as a busy machine showed.
        """
        if self._waits(run) and not self._question(run)["response_received"]:
            self._call("PATCH", self._path(run), {"chosen_options": [chosen]})

    def body(self, run: str) -> str:
        return str(self._question(run)["body"])

    def _waits(self, run: str) -> bool:
        return any(task.state == "awaiting_input" for task in self.tasks(BACKFILL, run))

    def _question(self, run: str) -> dict[str, Any]:
        found: dict[str, Any] = self._call("GET", self._path(run))
        return found

    def _path(self, run: str) -> str:
        return f"/dags/{BACKFILL}/dagRuns/{quote(run)}/taskInstances/approve/-1/hitlDetails"

    def progress(self) -> list[tuple[str, str, str]]:
        """The states of all runs, and of the tasks of those that go on."""
        runs = [
            (dag, run["dag_run_id"], run["state"]) for dag in (BACKFILL, TRAINING) for run in self.runs(dag).values()
        ]
        going = [(dag, run) for dag, run, state in runs if state not in ENDED]
        tasks = [(dag, run, str(task)) for dag, run in going for task in self._states(dag, run)]
        return runs + tasks

    def until(self, condition: Callable[[], T | None]) -> T:
        return waiting.until(condition, self.progress, idle_seconds=900, message=lambda: f"Late: {self.progress()}")

    def _states(self, dag: str, run: str) -> list[tuple[str, int, str]]:
        return [(task.task_id, task.map_index, str(task.state)) for task in self.tasks(dag, run)]

    def native(self, day: str, conf: dict[str, Any], reprocess: str) -> None:
        """Airflow's own backfill of a day, until Airflow says that it is complete."""
        moment = f"{day}T03:00:00Z"
        body = {"dag_id": TRAINING, "from_date": moment, "to_date": moment, "dag_run_conf": conf}
        number = self._call("POST", "/backfills", {**body, "reprocess_behavior": reprocess})["id"]
        self.until(lambda: self._call("GET", f"/backfills/{number}")["completed_at"])


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = Home(tmp_path_factory.mktemp("backfill") / "home")
    before = dict(os.environ)
    start = StackStart(home, say=lambda line: None)
    try:
        # A night that passed is run at once: the earlier run that no backfill may touch.
        environment = {"MELI_SOURCE": TITLES, "MELI_SETS": "quick_mlp", "MELI_SCHEDULE": "0 3 * * * UTC"}
        stack = start.run(Settings.from_environment(environment))
        wait_for_dag(stack)
        stack.api.keep_pool("gpu", 2, "trainings that run at once")
        stack.api.keep_pool("backfill", POOL_SLOTS, "backfilled runs at once", include_deferred=True)
        waiting.until(lambda: stack.api.has_dag(BACKFILL))
        yield stack
    finally:
        start.undo()
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="module")
def api(stack: Stack) -> Api:
    return Api(stack.airflow_url, "admin", stack.secrets.airflow_password)


@pytest.fixture(scope="module")
def store(stack: Stack) -> Store:
    return Settings.from_environment(stack.settings).open_store()


@pytest.fixture(scope="module")
def night(api: Api) -> dict[str, Any]:
    """The scheduled run, once it has ended."""
    return api.until(lambda: next((run for run in api.runs(TRAINING).values() if run["state"] in ENDED), None))


@pytest.fixture
def backfill(stack: Stack) -> Callable[..., Any]:
    def run(*arguments: str, code: int = 0) -> Any:
        done = meli("backfill", *arguments, "--json", MELI_HOME=str(stack.home.root))
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    return run


def contents(store: Store, prefix: str) -> dict[str, bytes]:
    blobs = {name: store.read(name) for name in store.names(prefix)}
    return {name: blob.data for name, blob in blobs.items() if blob}


def tracked(stack: Stack) -> set[str]:
    """Ids of the training runs in MLflow."""
    sign_in = f"{stack.settings['MLFLOW_TRACKING_USERNAME']}:{stack.settings['MLFLOW_TRACKING_PASSWORD']}"
    server = MlflowServer(stack.mlflow_url.replace("://", f"://{sign_in}@"))
    experiments = [
        found["experiment_id"] for found in server.post("experiments/search", max_results=100)["experiments"]
    ]
    found = server.post("runs/search", experiment_ids=experiments, max_results=500)
    return {run["info"]["run_id"] for run in found.get("runs", [])}


def test_dates_times_sets_run_under_ids_of_their_own_and_touch_nothing_earlier(
    stack: Stack, api: Api, store: Store, night: dict[str, Any], backfill: Callable[..., Any]
) -> None:
    plan = contents(store, "plans/")
    tasks = api.tasks(TRAINING, night["dag_run_id"])
    runs, decisions, mlflow = api.runs(TRAINING), Ledger(store).decisions(), tracked(stack)
    options = ["--from", "2026-11-01", "--to", "2026-11-02", "--sets", "quick_mlp,quick_cnn", "--source", TITLES]
    report = backfill(*options, *OVERRIDES, "--yes")["report"]
    assert report["state"] == "success"
    # Whether the validation titles let the ensemble be a candidate, which has a score, depends on the date's titles.
    assert [(day["state"], day["computed"], sorted({*day["scores"]} - {"ensemble"})) for day in report["dates"]] == [
        ("computed", 6, ["quick_cnn", "quick_mlp"])
    ] * 2

    ids = {day["run_id"] for day in report["dates"]}
    now = api.runs(TRAINING)
    assert set(now) - set(runs) == ids
    assert {run: now[run] for run in runs} == runs
    assert api.tasks(TRAINING, night["dag_run_id"]) == tasks
    assert contents(store, "plans/").items() >= plan.items()
    assert Ledger(store).decisions() == decisions
    assert len(tracked(stack) - mlflow) >= 4
    assert tracked(stack) >= mlflow
    named = [task.rendered_map_index for task in api.tasks(BACKFILL, report["id"]) if task.task_id == "run"]
    assert sorted(named) == ["2026-11-01", "2026-11-02"]

    again = backfill(*options, *OVERRIDES, "--yes")["report"]
    assert (again["computed"], again["reused"]) == (0, 12)
    assert api.runs(TRAINING) == now


def test_a_person_sees_the_preview_and_may_reject_it(api: Api, store: Store, night: dict[str, Any]) -> None:
    runs = set(api.runs(TRAINING))
    conf = {"from_date": "2026-11-01", "to_date": "2026-11-03", "sets": ["quick_mlp"], "source": TITLES}
    run = api.trigger(BACKFILL, conf, "a test")
    api.until(lambda: any(task.state == "awaiting_input" for task in api.tasks(BACKFILL, run)))
    assert "**3 of 3 dates to run, 1 set each" in api.body(run)
    assert "| 2026-11-03 |" in api.body(run)

    def ended() -> str | None:
        api.answer(run, "Reject")
        return state if (state := api.run_state(BACKFILL, run)) in ENDED else None

    assert api.until(ended) == "success"
    blob = store.read(paths.backfill_report(run))
    assert blob is not None
    report = json.loads(blob.data)
    assert (report["state"], report["rejected_by"]) == ("rejected", "admin")
    assert set(api.runs(TRAINING)) == runs


def test_a_cancelled_backfill_ends_its_runs_and_is_resumed_by_starting_it_again(
    stack: Stack, api: Api, backfill: Callable[..., Any], night: dict[str, Any]
) -> None:
    conf = {
        **{"from_date": "2026-11-01", "to_date": "2026-11-02", "at_once": 1, "ask": False, "source": TITLES},
        **{"sets": ["quick_mlp"], "overrides": {**QUICK, "train.epochs": 30}},
    }
    run = api.trigger(BACKFILL, conf, "a test")
    first, second = (day["trigger_run_id"] for day in api.until(lambda: api.returned(BACKFILL, run, "preview")))
    api.until(lambda: api.run_state(TRAINING, first) == "running")
    ended = backfill("--cancel", run)["ended"]
    assert ended == [first]
    assert api.run_state(BACKFILL, run) == api.run_state(TRAINING, first) == "failed"
    assert api.run_state(TRAINING, second) == ""
    going = {"running", "queued", "scheduled", "deferred", None}
    assert not any(
        task.state in going for dag, of in ((BACKFILL, run), (TRAINING, first)) for task in api.tasks(dag, of)
    )

    changed = ["--override", "train.epochs=30", *OVERRIDES[2:]]
    dates = ["--from", "2026-11-01", "--to", "2026-11-02", "--sets", "quick_mlp", "--source", TITLES]
    report = backfill(*dates, *changed, "--at-once", "1", "--yes")["report"]
    assert report["state"] == "success"
    assert [day["run_id"] for day in report["dates"]] == [first, second]
    assert api.run(TRAINING, first)["end_date"] <= api.run(TRAINING, second)["start_date"]


def test_a_date_that_fails_is_named_with_its_reason_and_the_others_are_run(
    backfill: Callable[..., Any], night: dict[str, Any], tmp_path: Path
) -> None:
    assert meli("sample", "--rows", "1500", "--output", str(tmp_path / "titles-2026-11-01.csv")).returncode == 0
    (tmp_path / "titles-2026-11-02.csv").write_text("name,kind\nFunda,CASES\n", encoding="utf-8")
    dates = ["--from", "2026-11-01", "--to", "2026-11-02", "--source", f"{tmp_path}/titles-{{ds}}.csv"]
    report = backfill(*dates, "--sets", "quick_mlp", *OVERRIDES, "--yes", code=1)["report"]
    assert [day["state"] for day in report["dates"]] == ["computed", "failed"]
    assert "titles-2026-11-02.csv" in report["dates"][1]["failed"][""]


def test_airflows_own_backfill_overwrites_its_record_and_nothing_of_ours(
    stack: Stack, api: Api, store: Store, night: dict[str, Any]
) -> None:
    decisions, attempts = len(Ledger(store).decisions()), []
    for name, reprocess in (("quick_mlp", "none"), ("quick_cnn", "completed")):
        api.native(NATIVE_DAY, {"source": TITLES, "sets": [name], "overrides": QUICK}, reprocess)
        [run] = [run for run in api.runs(TRAINING) if run.startswith(f"backfill__{NATIVE_DAY}")]
        assert api.run_state(TRAINING, run) == "success"
        attempts.append((run, tracked(stack)))
    assert attempts[0][0] == attempts[1][0]
    assert api.run(TRAINING, run)["run_type"] == "backfill"
    assert api.run(TRAINING, run)["conf"]["sets"] == ["quick_cnn"]  # Airflow knows the last of the two only

    folder = paths.plans_of_run(run)
    kept = contents(store, folder)
    plans = [json.loads(data) for name, data in kept.items() if name.count("/") == 2]
    reports = [json.loads(data) for name, data in kept.items() if name.endswith("/evaluated.json")]
    assert sorted(plan["request"]["sets"][0] for plan in plans) == ["quick_cnn", "quick_mlp"]
    assert {plan["as_of"] for plan in plans} == {NATIVE_DAY}
    assert sorted(name for report in reports for name in report["trained"]) == ["quick_cnn", "quick_mlp"]
    assert attempts[0][1] < attempts[1][1]
    assert len(Ledger(store).decisions()) == decisions
