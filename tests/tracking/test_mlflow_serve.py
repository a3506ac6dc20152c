"""`mlflow models serve` on the registered model, in an environment that has what the version declares and no more."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow.artifacts
import pytest
import yaml
from mlflow.tracking import MlflowClient

from meli_tasks.http import Client
from meli_tasks.prediction.ranking import Predictions, predict_titles
from meli_tasks.rowfiles.titles import cleaned, problems_of
from meli_tasks.settings import DEFAULT_REGISTERED_MODEL as MODEL
from meli_tasks.stack.servers import HOST, Server, answers, free_port
from meli_tasks.stages.files.model_files import load_model
from meli_tasks.store import Store
from meli_tasks.tracking.registry import Registry
from tests.tracking import declared
from tests.tracking.promotions import past_run, promote

if TYPE_CHECKING:
    from tests import servers

# MLflow imports itself twice and torch once to start it, for which `make test` has no time.
pytestmark = [pytest.mark.integration, pytest.mark.cluster]

CHAMPION = f"models:/{MODEL}@champion"
TITLES = ["celular barato", "zapatillas", "  perfume\n", "asdkjh qwe zzz", "PERFUME celular"]
SHAPES: dict[str, Any] = {
    "inputs": {"inputs": TITLES},
    "columns": {"inputs": {"title": TITLES}},
    "instances": {"instances": [{"title": title} for title in TITLES]},
    "records": {"dataframe_records": [{"id": 1, "title": title} for title in TITLES]},
    "split": {"dataframe_split": {"columns": ["title"], "data": [[title] for title in TITLES]}},
}


@dataclass(frozen=True)
class Answered:
    """What the server answered to a body."""

    status: int
    body: Any


@dataclass(frozen=True)
class Served:
    """A server of MLflow's, and the folder of the model that it should have."""

    url: str
    folder: Path
    files: Path

    def ask(self, body: object) -> Answered:
        with Client(2.0, 60.0) as client:
            answer = client.request("POST", f"{self.url}/invocations", body=body)
        return Answered(answer.status, json.loads(answer.body, parse_constant=not_json))


@pytest.fixture
def served(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path, mlflow_server: servers.MlflowServer
) -> Iterator[Served]:
    """The champion behind `mlflow models serve`, with the requirements that its version declares."""
    run = past_run(file_store, tmp_path, {"mlp": 0.94})
    promote(registry, run, "mlp")
    mlflow.set_tracking_uri(mlflow_server.url)
    files = Path(mlflow.artifacts.download_artifacts(CHAMPION, dst_path=str(tmp_path / "version")))
    requirements = (files / "requirements.txt").read_text().split()
    python = declared.environment(tmp_path / "declared", requirements)
    port = free_port()
    command = [
        *(str(python), "-s", "-m", "mlflow", "models", "serve", "--model-uri", CHAMPION),
        *("--env-manager", "local", "--host", HOST, "--port", str(port)),
    ]
    environment = {
        **mlflow_server.environment,
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": "",
        "VIRTUAL_ENV": str(python.parents[1]),
    }
    server = Server("mlflow models serve", command, tmp_path / "serve.log", environment)
    try:
        server.start().wait_until(lambda: answers(port, "/health"), seconds=300.0)
        (folder,) = tmp_path.glob("*-mlp")
        yield Served(f"http://{HOST}:{port}", folder, files)
    finally:
        server.stop(seconds=10)


def test_mlflow_serves_the_champion_with_only_what_its_version_declares(served: Served) -> None:
    # MLflow builds the environment from this file when it is asked for one of its own.
    wanted = yaml.safe_load((served.files / "python_env.yaml").read_text())
    assert wanted["python"] == sys.version.partition(" ")[0]
    assert wanted["dependencies"] == ["-r requirements.txt"]
    expected = predicted(served.folder)
    for shape, body in SHAPES.items():
        answer = served.ask(body)
        assert answer.status == 200, (shape, answer)
        assert rows(answer.body["predictions"]) == rows_of(expected), shape
    two = served.ask({"inputs": TITLES, "params": {"top": 2}}).body["predictions"]
    assert [len(row["categories"]) for row in two] == [2, 2, 2, 0, 2]
    example = json.loads((served.files / "serving_input_example.json").read_text())
    assert len(served.ask(example).body["predictions"]) == len(example["inputs"]) == 2
    refused = served.ask({"dataframe_records": [{"titulo": "celular"}]})
    assert refused.status == 400
    # MLflow has a message of its own for every error of a model, and puts the reason below it.
    assert "a column `title` is required, but the columns are titulo" in refused.body["stack_trace"]


def not_json(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def predicted(folder: Path) -> Predictions:
    """What `meli predict` answers: all readers clean titles and rank them like this."""
    titles = cleaned(TITLES)
    return predict_titles(load_model(folder), titles, problems_of(titles), top=5)


def rows(answered: list[dict[str, Any]]) -> list[Any]:
    names = ("category", "probability", "categories", "probabilities", "known")
    return [tuple(row[name] for name in names) for row in answered]


def rows_of(expected: Predictions) -> list[Any]:
    columns = expected.columns(lists_as_json=True)
    return list(
        zip(
            *(columns[name] for name in ("category", "probability", "categories", "probabilities", "known")),
            strict=True,
        )
    )
