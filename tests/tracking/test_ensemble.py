"""Where a run's ensemble appears: in MLflow, in the registry as one model, on the pages."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import mlflow
import pytest
from mlflow.artifacts import load_text
from mlflow.tracking import MlflowClient

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.decision import Champion, Evidence
from meli_tasks.ledger import Ledger
from meli_tasks.pages import RunFilter
from meli_tasks.planning.evaluation import EnsembleResult, EvaluationReport
from meli_tasks.planning.plan import ensemble_step
from meli_tasks.store import Store
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.registry import Registry
from tests.pages.served import ServedPages
from tests.past_run import PastRun


def evaluate(run: PastRun, ensemble: Manifest, result: EnsembleResult | None) -> None:
    """Leave beside the plan what the task evaluate does."""
    evaluated = run.evaluation(ensemble=(ensemble.key, 0.96)).model_copy(update={"ensemble": result})
    scores = {label: run._scores(accuracy) for label, accuracy in {**run.accuracies, "ensemble": 0.96}.items()}
    EvaluationReport.model_validate({**dict(evaluated), "scores": scores}).save(run.store, run.plan.name)


@pytest.mark.integration
def test_an_ensemble_has_a_run_of_its_own_with_its_members(
    client: MlflowClient, run: PastRun, tracking: Tracking
) -> None:
    ensemble = run.ensemble()
    url = tracking.evaluation(run.plan, run.evaluation(ensemble=(ensemble.key, 0.95)))
    assert url is not None
    parent = client.get_run(url.partition("?")[0].rpartition("/")[2])
    wanted = f"tags.`meli.artifact_key` = '{ensemble.key}'"
    [found] = client.search_runs([parent.info.experiment_id], wanted)
    assert (found.info.run_name, found.info.status) == ("ensemble", "FINISHED")
    assert found.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert found.data.tags["meli.members"] == "0.500 cnn, 0.500 mlp"
    assert "**Ensemble** of 0.500 cnn" in found.data.tags["mlflow.note.content"]
    assert found.data.params["ensemble.weights.mlp"] == "0.5"
    assert found.data.metrics["test_balanced_accuracy"] == found.data.metrics["validation_balanced_accuracy"] == 0.95
    assert [file.path for file in client.list_artifacts(found.info.run_id)] == ["choice.json"]
    assert parent.data.metrics["test_balanced_accuracy"] == 0.95
    assert json.loads(load_text(f"runs:/{parent.info.run_id}/leaderboard.json"))["data"][0][0] == "ensemble"


MODEL = "ensemble-of-titles"


@pytest.mark.integration
def test_an_ensemble_is_registered_as_one_model_with_its_members(
    client: MlflowClient, run: PastRun, tracking: Tracking, file_store: Store, tmp_path: Path
) -> None:
    registry = Registry(file_store, Tracking(tracking.uri, file_store, model=MODEL))
    ensemble = run.ensemble(tmp_path)
    evaluated = run.evaluation(ensemble=(ensemble.key, 0.96))
    run.accuracies["ensemble"] = 0.96
    registry.apply(run.plan, evaluated, run.promotion(evaluated, "ensemble"))
    champion = registry.champion()
    assert champion is not None
    version = client.get_registered_model(MODEL).aliases["champion"]
    assert (champion.set_name, champion.train) == ("ensemble", ensemble.key)
    found = client.get_model_version(MODEL, version)
    assert found.tags["meli.members"] == "0.500 cnn, 0.500 mlp"
    assert client.get_run(found.run_id).data.tags["meli.artifact_key"] == ensemble.key
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLflow's own type hints
        model = mlflow.pyfunc.load_model(f"models:/{MODEL}@champion")
        answers = model.predict(["celular barato", "zapatillas"])
    assert answers["category"].tolist() == ["CELLPHONES", "SNEAKERS"]
    assert all(sum(shares) == pytest.approx(1, abs=1e-5) for shares in answers["probabilities"])


def test_an_ensemble_is_a_row_with_its_members_and_compares_by_its_weights(run: PastRun, file_store: Store) -> None:
    ensemble = run.ensemble()
    weights = ensemble.summary["weights"]
    evaluate(run, ensemble, EnsembleResult(key=ensemble.key, weights=weights))
    champion = Champion(train=ensemble.key, set_name="ensemble", balanced_accuracy=0.96, interval=(0.95, 0.97))
    evidence = Evidence(plan=run.plan.name)
    Ledger(file_store).append(0, action="promote", champion=champion, reason="better", by="run", evidence=evidence)
    pages = ServedPages(file_store)
    page = pages.models(RunFilter())
    rows = {row["set"]: row for row in page["rows"]}
    assert (rows["ensemble"]["members"], rows["mlp"]["members"]) == (weights, {})
    assert rows["ensemble"]["champion"] and not rows["ensemble"]["external"]
    assert (page["champion"]["set"], page["champion"]["members"]) == ("ensemble", weights)
    found = pages.comparison([rows["mlp"]["id"], rows["ensemble"]["id"]])
    lines = {line["name"]: line["values"] for table in found["parameters"] for line in table["rows"]}
    assert lines["data.source"][-1] == "s3://titles/{ds}.csv.gz"
    assert {row["set"]: row["weights"][1] for row in found["members"]} == weights
    assert found["models"][1]["curve"]["epochs"] == []


def test_the_step_of_an_ensemble_is_the_one_that_was_made_of_what_succeeded(run: PastRun, file_store: Store) -> None:
    foreseen = {"stage": "ensemble", "name": "cnn, mlp", "key": "0" * 32}
    file_store.write(f"{run.plan.folder}/preview.json", json.dumps({"steps": [foreseen]}).encode())

    def steps() -> list[tuple[str, str, str]]:
        return [
            (step["stage"], step["key"], step["state"]) for step in ServedPages(file_store).run(run.plan.name)["steps"]
        ]

    assert steps() == [("ensemble", "0" * 32, "to compute")]
    ensemble = run.ensemble()
    evaluate(run, ensemble, EnsembleResult(key=ensemble.key))
    assert steps()[0] == ("ensemble", ensemble.key, "already there")
    evaluate(run, ensemble, None)
    assert [stage for stage, *_ in steps()] == ["evaluate"]


def test_an_ensemble_that_was_never_made_stays_in_the_run_s_steps_as_failed(run: PastRun, file_store: Store) -> None:
    foreseen = {"stage": "ensemble", "name": "cnn, mlp", "key": "0" * 32}
    file_store.write(f"{run.plan.folder}/preview.json", json.dumps({"steps": [foreseen]}).encode())
    request = run.plan.request.model_copy(update={"ensemble": True})
    run.plan = run.plan.model_copy(update={"request": request})
    run.plan.save(file_store)
    evaluated = run.evaluation().model_copy(update={"ensemble_failed": True})
    scores = {label: run._scores(accuracy) for label, accuracy in run.accuracies.items()}
    EvaluationReport.model_validate({**dict(evaluated), "scores": scores}).save(file_store, run.plan.name)
    found = ServedPages(file_store).run(run.plan.name)["steps"][0]
    wanted = ensemble_step(run.plan, ["mlp", "cnn"])
    assert wanted is not None
    assert (found["stage"], found["key"], found["state"], found["progress"]) == ("ensemble", wanted.key, "failed", {})
    file_store.write(
        paths.progress_log("ensemble", wanted.key), json.dumps({"run_id": "another", "state": "running"}).encode()
    )
    assert ServedPages(file_store).run(run.plan.name)["steps"][0]["state"] == "failed"
