"""MLflow's REST interface as tasks use it: what it refuses, who asks, what is none."""

from __future__ import annotations

import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
import requests
from mlflow import artifacts
from mlflow.tracking import MlflowClient

from meli_tasks.core.errors import TrackingRejected, TrackingUnavailable
from meli_tasks.tracking.client import MlflowRun, MlflowServer, keep_mlflow_quiet, without_credentials
from meli_tasks.tracking.fields import Metric
from meli_tasks.tracking.outbox import Tracking
from tests.past_run import PastRun
from tests.servers import NOWHERE

if TYPE_CHECKING:
    from tests import servers

pytestmark = pytest.mark.integration


def test_a_page_that_is_no_json_is_not_mlflow(monkeypatch: pytest.MonkeyPatch, run: PastRun) -> None:
    answer = requests.Response()
    answer.status_code, answer._content = 200, b"<html>Please sign in</html>"
    monkeypatch.setattr(requests.Session, "request", lambda *_, **__: answer)
    with pytest.raises(TrackingUnavailable, match=r"is not MLflow: it answered GET mlflow/runs/get with '<html>"):
        MlflowServer(NOWHERE).get("runs/get")
    assert Tracking(NOWHERE, run.store).training(run.plan, "mlp", run.trainings["mlp"]) is None


def test_links_show_no_password() -> None:
    assert without_credentials("http://user:secret@mlflow:5000/base") == "http://mlflow:5000/base"


def test_a_refusal_says_what_mlflow_said(mlflow_server: servers.MlflowServer) -> None:
    with pytest.raises(TrackingRejected, match="refused GET mlflow/runs/get with 404 RESOURCE_DOES_NOT_EXIST"):
        MlflowServer(mlflow_server.url).get("runs/get", run_id="0" * 32)


@pytest.mark.parametrize("attempt", range(5))
def test_tasks_that_log_the_same_at_once_are_all_answered(
    attempt: int, client: MlflowClient, mlflow_server: servers.MlflowServer
) -> None:
    """MLflow refuses the slower of two that insert the same parameters or the same dataset."""
    experiment = MlflowServer(mlflow_server.url).experiment("at_once")
    run_id = client.create_run(experiment).info.run_id
    params = {f"parameter_{number}": str(number) for number in range(40)}
    dataset = {"name": f"listings_{attempt}", "digest": "abc", "source_type": "local", "source": "{}"}
    start = Barrier(8)

    def log(_: int) -> None:
        server = MlflowServer(mlflow_server.url)
        server.get("runs/get", run_id=run_id)  # opens the connection
        start.wait()
        server.log(run_id, params=params, metrics=[Metric("loss", 0.5, 1, 1)])
        server.add("runs/log-inputs", run_id=run_id, datasets=[{"dataset": dataset}])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(log, range(8)))
    found = client.get_run(run_id)
    assert found.data.params == params
    assert len(client.get_metric_history(run_id, "loss")) == 1
    assert [given.dataset.name for given in found.inputs.dataset_inputs] == [dataset["name"]]


def test_a_parameter_that_changed_is_refused(client: MlflowClient, mlflow_server: servers.MlflowServer) -> None:
    server = MlflowServer(mlflow_server.url)
    run_id = client.create_run(server.experiment("at_once")).info.run_id
    server.log(run_id, params={"seed": "1"})
    with pytest.raises(TrackingRejected, match="Changing param values is not allowed"):
        server.log(run_id, params={"seed": "2"})


def test_storage_that_the_server_does_not_hand_on_to_is_written_by_mlflows_client(
    client: MlflowClient, run: PastRun, tracking: Tracking
) -> None:
    url = tracking.training(run.plan, "mlp", run.trainings["mlp"])
    assert url is not None
    run_id = url.partition("?")[0].rpartition("/")[2]
    elsewhere = MlflowRun(run_id, "1", 0, active=True, artifacts="s3://bucket/1/run/artifacts", tags={})
    MlflowServer(tracking.uri).upload(elsewhere, "tables/a.json", b"{}")
    assert artifacts.load_text(f"runs:/{run_id}/tables/a.json") == "{}"


def test_credentials_come_from_the_variables_of_mlflows_client(
    mlflow_server: servers.MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials: list[object] = []

    def send(session: requests.Session, request: requests.PreparedRequest, **_: object) -> requests.Response:
        credentials.append(request.headers.get("Authorization"))
        answer = requests.Response()
        answer.status_code = 401
        return answer

    monkeypatch.setattr(requests.Session, "send", send)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ana")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    with pytest.raises(TrackingRejected, match=r"401 401: .*Check MLFLOW_TRACKING_USERNAME"):
        MlflowServer(mlflow_server.url).get("runs/get")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    with pytest.raises(TrackingRejected):
        MlflowServer(mlflow_server.url).get("runs/get")
    assert credentials == ["Basic YW5hOnNlY3JldA==", "Bearer t0ken"]


def test_telling_needs_no_heavy_import(tmp_path: Path) -> None:
    """MLflow's client would cost every task 2 s."""
    code = (
        "import sys\nfrom meli_tasks.tracking.outbox import Tracking\n"
        "from meli_tasks.tracking.client import MlflowServer\n"
        "from meli_tasks.core.errors import TrackingUnavailable\n"
        f"try:\n    MlflowServer({NOWHERE!r}).get('runs/get')\nexcept TrackingUnavailable:\n    pass\n"
        "print(sorted({'mlflow', 'pandas', 'pyarrow', 'torch', 'polars'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    answer = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_mlflows_own_client_prints_nothing_between_our_lines(
    mlflow_server: servers.MlflowServer,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "MLFLOW_LOGGING_LEVEL"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    keep_mlflow_quiet()
    from mlflow.tracking import MlflowClient

    experiment = MlflowServer(mlflow_server.url).experiment("quiet")
    mlflow = MlflowClient(mlflow_server.url)
    run = mlflow.create_run(experiment)
    (tmp_path / "files").mkdir()
    for number in range(5):
        (tmp_path / "files" / f"{number}.txt").write_text("x" * 10_000)
    mlflow.log_artifacts(run.info.run_id, str(tmp_path / "files"))
    logging.getLogger("mlflow.tracking").info("Created version 1 of the model")
    assert capfd.readouterr() == ("", "")
