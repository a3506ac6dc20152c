"""A metric belongs to titles: another night's evaluation, another plan and another attempt each have their own run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from uuid import uuid4

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import Manifest, Output
from meli_tasks.store import Store
from meli_tasks.tracking.outbox import Tracking
from tests.past_run import PastRun
from tests.servers import NOWHERE

pytestmark = pytest.mark.integration


def runs_with(client: MlflowClient, tag: str, value: str) -> list[Run]:
    experiment = client.get_experiment_by_name("meli_training")
    return list(client.search_runs([experiment.experiment_id], f"tags.`{tag}` = '{value}'"))


def run_of(url: str | None) -> str:
    assert url is not None
    return url.partition("?")[0].rpartition("/")[2]


def night(store: Store, **accuracies: float) -> PastRun:
    unique = uuid4().int % 10**9
    return PastRun(store, run_id=f"scheduled__{unique}", accuracies=accuracies, seed=unique)


def test_a_later_night_does_not_change_the_figure_of_the_champions_own_run(
    client: MlflowClient, file_store: Store, tracking: Tracking
) -> None:
    first, later = night(file_store, mlp=0.94), night(file_store, cnn=0.70)
    tracking.evaluation(first.plan, first.evaluation())
    champion = (first.models["mlp"], 0.80)  # on other titles
    url = tracking.evaluation(later.plan, later.evaluation("mlp (champion)", **{"mlp (champion)": champion}))

    [training] = runs_with(client, "meli.artifact_key", first.models["mlp"])
    assert training.data.metrics["test_balanced_accuracy"] == 0.94
    assert len(client.get_metric_history(training.info.run_id, "test_balanced_accuracy")) == 1
    parent = client.get_run(run_of(url))
    assert parent.data.metrics["test_balanced_accuracy"] == 0.70
    assert parent.data.metrics["champion_test_balanced_accuracy"] == 0.80
    [dataset] = parent.inputs.dataset_inputs
    assert dataset.dataset.digest == "f" * 36
    assert {tag.key: tag.value for tag in dataset.tags} == {"mlflow.data.context": "testing"}


def test_a_second_evaluation_on_the_own_titles_does_not_change_the_figure_either(
    client: MlflowClient, file_store: Store, tracking: Tracking
) -> None:
    """With another champion beside it, other titles may be left out."""
    run, champion = night(file_store, mlp=0.94), night(file_store, cnn=0.90)
    tracking.evaluation(run.plan, run.evaluation())
    run.accuracies["mlp"] = 0.91
    again = run.evaluation("cnn (champion)", **{"cnn (champion)": (champion.models["cnn"], 0.90)})
    tracking.evaluation(run.plan, again)
    tracking.evaluation(run.plan, again)
    [training] = runs_with(client, "meli.artifact_key", run.models["mlp"])
    history = client.get_metric_history(training.info.run_id, "test_balanced_accuracy")
    assert [metric.value for metric in history] == [0.94]


def test_a_figure_that_0_1_0_logged_stays(client: MlflowClient, file_store: Store, tracking: Tracking) -> None:
    run = night(file_store, mlp=0.94)
    tracking.training(run.plan, "mlp", run.trainings["mlp"])
    [training] = runs_with(client, "meli.artifact_key", run.models["mlp"])
    client.log_metric(training.info.run_id, "test_balanced_accuracy", 0.93, timestamp=1)
    tracking.evaluation(run.plan, run.evaluation())
    found = client.get_run(training.info.run_id)
    assert found.data.metrics["test_balanced_accuracy"] == 0.93


def test_two_plans_of_one_run_have_a_parent_each(client: MlflowClient, file_store: Store, tracking: Tracking) -> None:
    """Airflow's backfill reprocesses a date with another conf under the same run id."""
    unique = uuid4().int % 10**9
    run_id = f"backfill__{unique}"
    plans = [PastRun(file_store, run_id, accuracies, seed=unique) for accuracies in ({"mlp": 0.7917}, {"cnn": 0.3182})]
    urls = [tracking.evaluation(run.plan, run.evaluation()) for run in plans]
    again = Tracking(tracking.uri, file_store)
    assert [again.evaluation(run.plan, run.evaluation()) for run in plans] == urls
    parents = [client.get_run(run_of(url)) for url in urls]
    assert [parent.data.metrics["test_balanced_accuracy"] for parent in parents] == [0.7917, 0.3182]
    assert [parent.data.tags["meli.plan"] for parent in parents] == [run.plan.name for run in plans]
    assert len([run for run in runs_with(client, "meli.dag_run", run_id) if "meli.kind" in run.data.tags]) == 2


def test_two_tasks_at_once_make_one_parent(client: MlflowClient, file_store: Store, tracking: Tracking) -> None:
    run = night(file_store, mlp=0.9, cnn=0.8)
    with ThreadPoolExecutor(2) as threads:
        sends = [
            threads.submit(Tracking(tracking.uri, file_store).training, run.plan, name, run.trainings[name])
            for name in ("mlp", "cnn")
        ]
        assert all(send.result() for send in sends)
    found = runs_with(client, "meli.dag_run", run.run_id)
    assert len([run for run in found if run.data.tags.get("meli.kind") == "dag_run"]) == 1


def test_the_parent_that_0_1_0_made_is_that_of_its_plan(
    client: MlflowClient, file_store: Store, tracking: Tracking
) -> None:
    run = night(file_store, mlp=0.9)
    parent = tracking.projection().parent(run.plan)
    client.delete_tag(parent.id, "meli.plan")  # as 0.1.0 made it
    file_store.delete(paths.tracking_claim(f"plan-{sha256(run.plan.name.encode()).hexdigest()[:32]}"))
    assert run_of(tracking.evaluation(run.plan, run.evaluation())) == parent.id
    other = PastRun(file_store, run.run_id, {"cnn": 0.8}, seed=run.seed)
    other.plan = other.plan.model_copy(update={"at": "2026-11-21T03:00:00+00:00"})
    assert tracking.projection().parent(other.plan).id != parent.id


def forced(run: PastRun, name: str) -> Manifest:
    """Another attempt of a set's training run, with other bytes, ten minutes later."""
    first = run.trainings[name]
    outputs = {**first.outputs, "model.safetensors": Output("other weights", 1)}
    about = {**first.about, "at": "2026-11-20T03:15:00.000+00:00", "seconds": 40.0}
    second = replace(first, attempt="attempt2", outputs=outputs, about=about)
    for file in first.outputs:
        blob = run.store.read(first.file_name(file))
        assert blob is not None
        run.store.write(second.file_name(file), blob.data)
    run.store.write(first.own_name, first.to_bytes())
    run.store.write(second.name, second.to_bytes())
    return second


def test_each_attempt_of_a_key_has_a_run_of_its_own(
    client: MlflowClient, file_store: Store, tracking: Tracking
) -> None:
    run = night(file_store, mlp=0.94)
    tracking.evaluation(run.plan, run.evaluation())
    second = forced(run, "mlp")
    run.accuracies["mlp"] = 0.80
    tracking.evaluation(run.plan, run.evaluation("mlp (champion)", **{"mlp (champion)": (run.models["mlp"], 0.94)}))
    found = {run.data.tags["meli.sha256"]: run for run in runs_with(client, "meli.artifact_key", run.models["mlp"])}
    assert set(found) == {run.trainings["mlp"].model_sha256, second.model_sha256}
    assert found[run.trainings["mlp"].model_sha256].data.metrics["test_balanced_accuracy"] == 0.94
    assert found[second.model_sha256].data.metrics["test_balanced_accuracy"] == 0.80
    assert found[second.model_sha256].info.end_time - found[second.model_sha256].info.start_time == 40_000


def test_a_run_that_0_1_0_sent_is_that_of_the_attempt_that_it_was_sent_for(
    client: MlflowClient, file_store: Store, tracking: Tracking
) -> None:
    run = night(file_store, mlp=0.94)
    old = run_of(tracking.training(run.plan, "mlp", run.trainings["mlp"]))
    client.delete_tag(old, "meli.sha256")
    for claim in list(file_store.names("tracking/runs/train-")):
        file_store.delete(claim)
    assert run_of(tracking.training(run.plan, "mlp", run.trainings["mlp"])) == old
    assert client.get_run(old).data.tags["meli.sha256"] == run.trainings["mlp"].model_sha256
    client.delete_tag(old, "meli.sha256")
    for claim in list(file_store.names("tracking/runs/train-")):
        file_store.delete(claim)
    assert run_of(tracking.training(run.plan, "mlp", forced(run, "mlp"))) != old


def test_a_pending_training_is_sent_as_the_attempt_that_it_was(
    client: MlflowClient, file_store: Store, tracking: Tracking
) -> None:
    run = night(file_store, mlp=0.94)
    first = run.trainings["mlp"]
    assert Tracking(NOWHERE, file_store).training(run.plan, "mlp", first) is None
    forced(run, "mlp")
    assert tracking.replay() == 1
    [sent] = runs_with(client, "meli.artifact_key", first.key)
    assert sent.data.tags["meli.sha256"] == first.model_sha256


def test_a_night_whose_own_models_could_not_be_compared_is_sent_without_their_figures(
    client: MlflowClient, file_store: Store, tracking: Tracking
) -> None:
    """Each of them was fitted on too many of the test titles: then only the champion is scored."""
    run, champion = night(file_store, mlp=0.94), night(file_store, cnn=0.90)
    others = {"cnn (champion)": (champion.models["cnn"], 0.80)}
    evaluated = run.evaluation("cnn (champion)", **others)
    run.accuracies.clear()
    scored = run.evaluation("cnn (champion)", **others).key
    url = tracking.evaluation(run.plan, evaluated.model_copy(update={"key": scored}))
    metrics = client.get_run(run_of(url)).data.metrics
    assert metrics["champion_test_balanced_accuracy"] == 0.80
    assert "test_balanced_accuracy" not in metrics
    [training] = runs_with(client, "meli.artifact_key", run.models["mlp"])
    assert "test_balanced_accuracy" not in training.data.metrics
