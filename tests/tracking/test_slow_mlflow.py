"""A slow MLflow, and MLflow runs whose process is gone: nothing waits, nothing stays running, all is sent once."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from meli_tasks.artifacts import paths
from meli_tasks.store import Store
from meli_tasks.tracking.left_running import GIVEN_UP, this_process
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.patience import Patience
from meli_tasks.tracking.registry import Registry
from meli_tasks.tracking.runs import PROCESS
from meli_tasks.tracking.slow_server import has_waited
from meli_tasks.tracking.versions import REQUESTS
from tests.fault_proxy import Fault, Plan, in_front_of
from tests.past_run import PastRun
from tests.servers import MlflowServer
from tests.tracking.promotions import decide, past_run, versions

pytestmark = [pytest.mark.integration, pytest.mark.faults]

BUDGET = Patience(total_seconds=1.0, usual_seconds=0.2)


def parent_of(client: MlflowClient, tracking: Tracking, run: PastRun) -> Run:
    return client.get_run(tracking.projection().parent(run.plan).id)


def test_after_the_budget_is_spent_everything_is_sent_later_and_a_single_time(
    run: PastRun, mlflow_server: MlflowServer, tracking: Tracking, client: MlflowClient
) -> None:
    plan, evaluated = Plan(rate=1.0, faults=[Fault.DELAY], seconds=0.7), run.evaluation()
    with in_front_of(mlflow_server.url, plan) as proxy:
        slow = Tracking(proxy, run.store, patience=BUDGET)
        sent = [slow.training(run.plan, name, model) for name, model in run.trainings.items()]
        spent = plan.requests
        assert slow.evaluation(run.plan, evaluated) is None
        assert plan.requests == spent  # nothing more is asked of it
    assert None in sent
    assert spent < 6
    assert len(tracking.pending()) == sent.count(None) + 1
    assert tracking.replay() == sent.count(None) + 1
    assert tracking.pending() == []
    parent = parent_of(client, tracking, run)
    assert parent.info.status == "FINISHED"
    children = client.search_runs([parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert sorted(child.info.run_name for child in children) == sorted(run.trainings)


def test_after_one_task_has_waited_in_vain_the_others_of_its_run_wait_only_briefly(
    run: PastRun, mlflow_server: MlflowServer, tracking: Tracking
) -> None:
    name, faults = next(iter(run.trainings)), Plan(rate=1.0, faults=[Fault.DELAY], seconds=2.0)
    patient = Patience(total_seconds=60.0, usual_seconds=0.2)
    with in_front_of(mlflow_server.url, faults) as proxy:
        first = Tracking(proxy, run.store, patience=replace(patient, total_seconds=1.0), plan=run.plan.name)
        assert first.training(run.plan, name, run.trainings[name]) is None
        spent = faults.requests
        second = Tracking(proxy, run.store, patience=patient, plan=run.plan.name)
        assert second.evaluation(run.plan, run.evaluation()) is None
        assert faults.requests == spent + 1
    assert has_waited(run.store, run.plan.name)
    assert not has_waited(run.store, "the plan of another run")
    with in_front_of(mlflow_server.url, Plan()) as proxy:  # it answers again
        third = Tracking(proxy, run.store, patience=patient, plan=run.plan.name)
        assert third.replay() == 2
    assert tracking.pending() == []
    run.store.write(paths.MLFLOW_SLOW, b"{")
    assert not has_waited(run.store, run.plan.name)


def test_a_version_is_not_begun_that_a_slow_server_would_not_let_end(
    file_store: Store, tmp_path: Path, mlflow_server: MlflowServer, registry: Registry, client: MlflowClient
) -> None:
    plan, run = Plan(rate=1.0, faults=[Fault.DELAY], seconds=0.3), past_run(file_store, tmp_path)
    with in_front_of(mlflow_server.url, plan) as proxy:
        slow = Tracking(proxy, file_store, patience=Patience(total_seconds=5.0, usual_seconds=0.2))
        decide(Registry(file_store, slow), run, "mlp")
    assert [path for path in plan.paths if "logged-models" in path] == []
    assert versions(client, run) == []
    passing = Plan()
    with in_front_of(mlflow_server.url, passing) as proxy:
        assert Registry(file_store, Tracking(proxy, file_store)).sync().version is not None
    assert len(versions(client, run)) == 1
    # The package is one file of the version.
    code = [path for path in passing.paths if path.startswith("PUT") and "/code/" in path]
    assert [path.rpartition("/")[2] for path in code] == ["meli_tasks.zip"]
    assert len(passing.paths) <= REQUESTS


def test_runs_of_processes_that_are_gone_are_ended_with_their_true_state(
    run: PastRun, tracking: Tracking, client: MlflowClient
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host = this_process().split(" ")[0]
    name = next(iter(run.trainings))
    assert tracking.training(run.plan, name, run.trainings[name])
    parent = parent_of(client, tracking, run)
    child = next(
        iter(client.search_runs([parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"))
    )

    def state(process: str, started: datetime | None = None) -> str:
        client.update_run(parent.info.run_id, status="RUNNING")
        client.set_tag(parent.info.run_id, PROCESS, process)
        tracking.replay()
        return str(client.get_run(parent.info.run_id).info.status)

    assert state(this_process()) == "RUNNING"
    assert state(f"{host} {ended.pid} 1") == "KILLED"
    assert client.get_run(parent.info.run_id).info.end_time >= child.info.end_time
    old = datetime.now(UTC).timestamp() * 1e3 - parent.info.start_time > GIVEN_UP.total_seconds() * 1e3
    assert state("another-machine 1 1") == ("KILLED" if old else "RUNNING")
    client.delete_tag(parent.info.run_id, PROCESS)
    client.update_run(child.info.run_id, status="RUNNING")
    tracking.replay()
    assert client.get_run(child.info.run_id).info.status == "FINISHED"


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED"])
def test_a_command_that_ends_early_ends_its_mlflow_run(
    run: PastRun, tracking: Tracking, client: MlflowClient, status: str
) -> None:
    tracking.ended(run.plan, "FINISHED")  # nothing was sent, so nothing is created
    name = next(iter(run.trainings))
    assert tracking.training(run.plan, name, run.trainings[name])
    tracking.ended(run.plan, status)  # type: ignore[arg-type]
    assert parent_of(client, tracking, run).info.status == status
    assert tracking.evaluation(run.plan, run.evaluation())
    assert parent_of(client, tracking, run).info.status == "FINISHED"
