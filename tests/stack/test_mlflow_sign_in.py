"""The demo's MLflow answers nobody without its password, and our clients have it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from meli_tasks.settings import Settings
from meli_tasks.stack import servers
from meli_tasks.stack.home import Home
from meli_tasks.stack.services import Ports, Stack
from meli_tasks.store import open_store
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.rights import try_rights

pytestmark = pytest.mark.integration
API = "/api/2.0/mlflow"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, int]]:
    """The demo's stack, of which MLflow runs with its artifacts in a folder; and the process of that."""
    home = Home(tmp_path_factory.mktemp("home"))
    home.make()
    ports = Ports(dict.fromkeys(servers.SEAWEED_PORTS, 1), servers.free_port(), 3)
    stack = Stack.of(home, Settings.from_environment({}), ports)
    service = stack.storage()[1]
    folder = (home.root / "artifacts").as_uri()
    command = [folder if part.startswith("s3://") else part for part in service.command]
    with servers.Server("MLflow", command, home.logs / "mlflow.log", service.variables).start() as server:
        server.wait_until(servers.mlflow_ready(ports.mlflow), seconds=300)
        yield stack, server.pid


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"), ("GET", f"{API}/experiments/search?max_results=1"), ("POST", f"{API}/experiments/create"),
        ("GET", f"{API}/registered-models/search"), ("PUT", f"{ARTIFACTS}/0/x/MLmodel"), ("GET", f"{ARTIFACTS}?path=0"),
        ("DELETE", f"{ARTIFACTS}/0/x"), ("POST", "/graphql"), ("POST", "/ajax-api/2.0/mlflow/runs/search"),
        ("GET", "/get-artifact?path=x&run_uuid=y"), ("POST", f"{API}/users/create"),
    ],
)  # fmt: skip
def test_nobody_comes_in_without_the_password(stack: tuple[Stack, int], method: str, path: str) -> None:
    url = stack[0].mlflow_url + path
    assert requests.request(method, url, json={}, timeout=60).status_code == 401
    assert requests.request(method, url, json={}, auth=("admin", "guess"), timeout=60).status_code == 401


def test_our_clients_sign_in(stack: tuple[Stack, int], tmp_path: Path) -> None:
    written = {name: value for name, value in stack[0].settings.items() if name.startswith("MLFLOW_")}
    settings = Settings.from_environment({"MELI_STORE": tmp_path.as_uri(), "MELI_HOME": str(tmp_path), **written})
    assert list(try_rights(Tracking.of(settings, open_store(settings.store))))


def test_the_password_is_in_no_argument_and_no_file_of_others(stack: tuple[Stack, int]) -> None:
    password, root = stack[0].secrets.mlflow_password, stack[0].home.root
    processes = [psutil.Process(stack[1]), *psutil.Process(stack[1]).children(recursive=True)]
    assert not any(password in part for process in processes for part in process.cmdline())
    for path in (root / "mlflow", root / "mlflow" / "sign-in.ini", root / "secrets.json"):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_the_demos_password_does_not_go_to_another_server(tmp_path: Path) -> None:
    (tmp_path / "environment").write_text(
        "MLFLOW_TRACKING_URI=http://demo:5\nMLFLOW_TRACKING_USERNAME=admin\nMLFLOW_TRACKING_PASSWORD=secret\n"
    )
    demo = Settings.from_environment({"MELI_HOME": str(tmp_path)})
    assert (demo.mlflow_uri, demo.mlflow_user, demo.mlflow_password) == ("http://demo:5", "admin", "secret")
    other = Settings.from_environment({"MELI_HOME": str(tmp_path), "MLFLOW_TRACKING_URI": "http://other:5"})
    assert (other.mlflow_uri, other.mlflow_user, other.mlflow_password) == ("http://other:5", "", "")
