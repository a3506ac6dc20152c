"""The projection against a real MLflow server, read back with MLflow's own client; outages; two tasks at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from mlflow import artifacts
from mlflow.entities import Run, ViewType
from mlflow.tracking import MlflowClient

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.core.errors import BadSettings, TrackingRejected, TrackingUnavailable
from meli_tasks.http import Answer, Client
from meli_tasks.planning.plan import Plan
from meli_tasks.store import Store
from meli_tasks.tracking.client import MlflowServer
from meli_tasks.tracking.outbox import PendingNote, Tracking
from meli_tasks.tracking.runs import Projection
from tests.past_run import EPOCHS, PastRun
from tests.servers import NOWHERE
from tests.unreadable import put

pytestmark = pytest.mark.integration


def run_of(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def runs_with(client: MlflowClient, tag: str, value: str, view: int = ViewType.ACTIVE_ONLY) -> list[Run]:
    experiment = client.get_experiment_by_name("meli_training")
    return client.search_runs([experiment.experiment_id], f"tags.`{tag}` = '{value}'", run_view_type=view)


def send(run: PastRun, tracking: Tracking, name: str = "mlp") -> str:
    url = tracking.training(run.plan, name, run.trainings[name])
    assert url is not None
    return url


def table(client: MlflowClient, run_id: str, name: str) -> dict[str, Any]:
    return json.loads(artifacts.load_text(f"runs:/{run_id}/{name}"))


@pytest.mark.parametrize("content", ["cut short", "a list", "empty"])
def test_spoilt_claims_and_notes_never_stop_a_run(
    run: PastRun, tracking: Tracking, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    sent = send(run, tracking)
    claims = [put(run.store, claim, content) for claim in list(run.store.names("tracking/runs/"))]
    note = put(run.store, paths.pending("training", "0" * 24), content)
    assert send(run, tracking) == sent
    assert tracking.replay() == 0
    assert tracking.pending() == [note]  # another version may be able to read it
    assert [name for name in (*claims, note) if name not in caplog.text] == []


def test_a_training_becomes_one_run_with_everything_of_it(
    client: MlflowClient, run: PastRun, tracking: Tracking
) -> None:
    url = send(run, tracking)

    [found] = runs_with(client, "meli.artifact_key", run.models["mlp"])
    page = f"{tracking.uri}/#/experiments/{found.info.experiment_id}/runs/{found.info.run_id}"
    assert url == f"{page}?workflowType=machine_learning"
    assert (found.info.run_name, found.info.status) == ("mlp", "FINISHED")
    assert found.info.end_time - found.info.start_time == 30_000
    assert found.data.params["train.learning_rate"] == "0.001"
    assert found.data.params["preprocess.word_ngrams"] == "[1, 2]"
    assert found.data.params["embed.method"] == "fasttext"
    history = client.get_metric_history(found.info.run_id, "validation_balanced_accuracy")
    assert [(metric.step, metric.value) for metric in history] == [(1, 0.5), (2, 0.75), (3, pytest.approx(1 - 0.5 / 3))]
    assert history[2].timestamp - history[0].timestamp == 20_000
    # What can be drawn on one axis has one name; the loss with margin and smoothing has another.
    last = found.data.metrics
    assert (last["train_cross_entropy"], last["validation_cross_entropy"]) == (
        pytest.approx(0.1 / 3),
        pytest.approx(0.11 / 3),
    )
    assert last["train_objective"] == pytest.approx(1 / 3)
    assert not {"train_loss", "validation_loss"} & last.keys()
    assert {file.path for file in client.list_artifacts(found.info.run_id)} == {"curves.png", "history.json"}
    [dataset] = found.inputs.dataset_inputs
    assert dataset.dataset.digest == "f" * 36
    assert found.data.tags["meli.fingerprint"] == "f" * 64
    assert found.data.tags["mlflow.source.git.commit"] == "abc1234"
    assert found.data.tags["airflow.dag_run_url"] == run.plan.dag_run_url
    assert f"]({run.plan.dag_run_url})" in found.data.tags["mlflow.note.content"]
    parent = client.get_run(found.data.tags["mlflow.parentRunId"])
    assert parent.info.run_name == run.run_id
    assert parent.data.tags["meli.training.mlp"] == url


def test_a_retry_adds_nothing(client: MlflowClient, run: PastRun, tracking: Tracking) -> None:
    first = send(run, tracking)
    assert send(run, Tracking(tracking.uri, run.store)) == first
    [found] = runs_with(client, "meli.artifact_key", run.models["mlp"])
    assert len(client.get_metric_history(found.info.run_id, "train_objective")) == EPOCHS


def test_an_incomplete_run_is_completed(
    client: MlflowClient, run: PastRun, tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    def goes_away(*_: object) -> None:
        raise TrackingUnavailable("MLflow went away")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowServer, "upload", goes_away)
        assert tracking.training(run.plan, "mlp", run.trainings["mlp"]) is None
    [half] = runs_with(client, "meli.artifact_key", run.models["mlp"])
    assert half.info.status == "RUNNING"
    assert len(tracking.pending()) == 1

    assert tracking.replay() == 1
    [whole] = runs_with(client, "meli.artifact_key", run.models["mlp"])
    assert (whole.info.run_id, whole.info.status) == (half.info.run_id, "FINISHED")
    assert len(client.get_metric_history(whole.info.run_id, "train_objective")) == EPOCHS
    assert tracking.pending() == []


def test_a_cached_training_is_linked_to_the_new_dag_run_not_repeated(
    client: MlflowClient, run: PastRun, tracking: Tracking
) -> None:
    url = send(run, tracking)
    later = PastRun(run.store, run_id=f"{run.run_id}_later", seed=run.seed)
    assert later.models == run.models
    assert send(later, tracking) == url
    [found] = runs_with(client, "meli.artifact_key", run.models["mlp"])
    [first, second] = (
        next(r for r in runs_with(client, "meli.dag_run", past.run_id) if r.data.tags.get("meli.kind") == "dag_run")
        for past in (run, later)
    )
    assert found.data.tags["mlflow.parentRunId"] == first.info.run_id
    assert second.data.tags["meli.training.mlp"] == url


def test_an_evaluation_reaches_the_trainings_and_the_dag_run(
    client: MlflowClient, run: PastRun, tracking: Tracking
) -> None:
    send(run, tracking, "mlp")  # the cnn's run is missing: the evaluation sends it too
    evaluated = run.evaluation(champion="mlp")
    url = tracking.evaluation(run.plan, evaluated)
    assert url is not None
    tracking.evaluation(run.plan, evaluated)

    parent = client.get_run(run_of(url))
    assert (parent.info.run_name, parent.info.status) == (run.run_id, "FINISHED")
    assert parent.data.metrics["test_balanced_accuracy"] == max(run.accuracies.values())
    assert "meli.failed" not in parent.data.tags
    leaderboard = table(client, parent.info.run_id, "leaderboard.json")
    assert [row[0] for row in leaderboard["data"]] == ["mlp", "cnn"]
    assert leaderboard["data"][0][leaderboard["columns"].index("was_champion")] is True
    categories = table(client, parent.info.run_id, "categories.json")
    assert categories["data"][0][:2] == ["SNEAKERS", 12]
    assert "| [mlp](" in parent.data.tags["mlflow.note.content"]
    assert {"scores.json", "leaderboard.png"} <= {file.path for file in client.list_artifacts(parent.info.run_id)}
    for name, accuracy in run.accuracies.items():
        [training] = runs_with(client, "meli.artifact_key", run.models[name])
        assert training.data.metrics["test_balanced_accuracy"] == accuracy
        assert training.data.metrics["test_balanced_accuracy_high"] == pytest.approx(accuracy + 0.01)
        assert len(client.get_metric_history(training.info.run_id, "test_top5")) == 1
        assert training.data.tags["mlflow.parentRunId"] == parent.info.run_id


def test_two_tasks_at_once_make_one_run_and_one_parent(client: MlflowClient, run: PastRun, tracking: Tracking) -> None:
    with ThreadPoolExecutor(6) as pool:
        urls = list(pool.map(lambda _: send(run, Tracking(tracking.uri, run.store)), range(6)))
    assert len(set(urls)) == 1
    assert len(runs_with(client, "meli.artifact_key", run.models["mlp"])) == 1
    assert len(runs_with(client, "meli.dag_run", run.run_id)) == 2  # the parent and its training


def test_a_run_deleted_in_mlflow_is_made_again(client: MlflowClient, run: PastRun, tracking: Tracking) -> None:
    client.delete_run(run_of(send(run, tracking)))
    again = send(run, tracking)
    assert client.get_run(run_of(again)).info.lifecycle_stage == "active"


def test_an_outage_costs_a_request_a_task_and_is_made_good(
    client: MlflowClient,
    run: PastRun,
    tracking: Tracking,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    offline = Tracking(NOWHERE, run.store)
    evaluated = run.evaluation()
    sent: list[str] = []
    request = Client.request

    def counted(http: Client, method: str, url: str, **options: Any) -> Answer:
        sent.append(url)
        return request(http, method, url, **options)

    monkeypatch.setattr(Client, "request", counted)
    assert offline.training(run.plan, "mlp", run.trainings["mlp"]) is None
    assert offline.training(run.plan, "mlp", run.trainings["mlp"]) is None
    assert offline.evaluation(run.plan, evaluated) is None
    assert offline.replay() == 0
    assert len(sent) == 4
    monkeypatch.undo()
    assert len(offline.pending()) == 2  # the same training has one note
    assert "MLflow at http://127.0.0.1:9 does not answer" in caplog.text

    assert tracking.replay() == 2
    assert tracking.pending() == []
    [found] = runs_with(client, "meli.artifact_key", run.models["mlp"])
    assert found.data.metrics["test_balanced_accuracy"] == 0.94


def test_the_next_evaluation_sends_what_is_pending(client: MlflowClient, run: PastRun, tracking: Tracking) -> None:
    earlier = PastRun(run.store, run_id=f"{run.run_id}_earlier", seed=run.seed + 1, accuracies={"lab": 0.6})
    assert Tracking(NOWHERE, run.store).training(earlier.plan, "lab", earlier.trainings["lab"]) is None
    assert tracking.evaluation(run.plan, run.evaluation()) is not None
    assert len(runs_with(client, "meli.artifact_key", earlier.models["lab"])) == 1
    assert tracking.pending() == []


def test_a_note_whose_artifact_is_missing_is_dropped(client: MlflowClient, run: PastRun, tracking: Tracking) -> None:
    assert Tracking(NOWHERE, run.store).training(run.plan, "mlp", run.trainings["mlp"]) is None
    run.store.delete(run.trainings["mlp"].name)
    assert tracking.replay() == 0
    assert tracking.pending() == []


def test_a_note_that_mlflow_refuses_does_not_hold_up_the_others(run: PastRun, monkeypatch: pytest.MonkeyPatch) -> None:
    tracking = Tracking(NOWHERE, run.store)
    for name in run.trainings:
        assert tracking.training(run.plan, name, run.trainings[name]) is None
    sent: list[str] = []

    def refuses_one(self: Projection, plan: Plan, set_name: str, manifest: Manifest) -> str:
        if not sent:
            sent.append("refused")
            raise TrackingRejected("Changing param values is not allowed", code="INVALID_PARAMETER_VALUE")
        sent.append(set_name)
        return "http://mlflow/run"

    monkeypatch.setattr(Projection, "training", refuses_one)
    tracking._projection = Projection(MlflowServer(NOWHERE), run.store, "1")
    assert tracking.replay() == 1
    assert len(sent) == 2
    assert len(tracking.pending()) == 1


def test_without_a_server_nothing_is_sent_and_no_note_is_left(run: PastRun) -> None:
    off = Tracking("", run.store)
    assert off.training(run.plan, "mlp", run.trainings["mlp"]) is None
    assert off.replay() == 0
    assert off.pending() == []


def test_a_uri_that_is_no_server_is_a_setting_to_correct_before_anything_is_trained(file_store: Store) -> None:
    with pytest.raises(BadSettings, match="must look like http"):
        Tracking("sqlite:///mlflow.db", file_store)


def test_the_experiment_opens_on_its_training_runs(tracking: Tracking) -> None:
    server = tracking.projection().server
    for _ in range(2):
        found = server.get("experiments/get", experiment_id=server.experiment("meli_training"))["experiment"]
        tags = {tag["key"]: tag["value"] for tag in found["tags"]}
        assert tags["mlflow.experimentKind"] == "custom_model_development"
    old = server.post("experiments/create", name="made before")["experiment_id"]
    assert server.experiment("made before") == old
    tags = server.get("experiments/get", experiment_id=old)["experiment"]["tags"]
    assert "mlflow.experimentKind" in {tag["key"] for tag in tags}


def test_a_pending_note_of_0_1_0_is_read() -> None:
    training = {"kind": "training", "plan": "plans/run/0.json", "set": "mlp", "key": "k"}
    assert PendingNote.model_validate(training).set_name == "mlp"
    evaluated = {"key": "e", "models": {"mlp": "k"}, "champion": None, "failed": ["cnn"]}
    note = PendingNote.model_validate({"kind": "evaluation", "plan": "plans/run/0.json", "measured": evaluated})
    assert note.evaluated is not None
    assert (note.evaluated.models, note.evaluated.failed) == ({"mlp": "k"}, ("cnn",))
    assert PendingNote.model_validate_json(note.model_dump_json()).name == note.name
