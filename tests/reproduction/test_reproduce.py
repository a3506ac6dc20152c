"""`meli reproduce` on a small run: the same model comes out, and what differs is said before."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import Any

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.cli import reproduce
from meli_tasks.cli import run as run_command
from meli_tasks.core.errors import BadSettings, NotFound, TrackingRejected
from meli_tasks.ledger import Ledger
from meli_tasks.planning.request import Request
from meli_tasks.reproduction.differences import differences
from meli_tasks.reproduction.origin import Origin, origin_of_decision, origin_of_model
from meli_tasks.stages import STAGES
from meli_tasks.stages.summaries import ENSEMBLE
from meli_tasks.tracking.client import MlflowServer
from meli_tasks.tracking.model_versions import model_of_version
from tests.cli.program import document, here
from tests.reproduction.conftest import PastRun


def found(past: PastRun, origin: Origin | None = None) -> dict[str, tuple[str, str]]:
    """What differs, by what it is."""
    origin = origin or origin_of_model(past.store, past.model("quick_mlp"))
    return {each.what: (each.then, each.now) for each in differences(origin, past.settings)}


def test_the_champion_is_described_with_its_command(past: PastRun) -> None:
    champion = Ledger(past.store).champion()
    assert champion is not None
    made = document("reproduce")
    assert (made["label"], made["model"], made["sha256"]) == (champion.set_name, champion.train, champion.sha256)
    assert (made["run_id"], made["decision"], made["differences"]) == (past.plan.run_id, 1, [])
    assert made["command"].startswith(
        f"meli run all --source {past.titles} --sets quick_mlp,quick_cnn --as-of 2026-11-20 "
    )
    assert document("reproduce", "--decision", "1") == document("reproduce", champion.train[:10]) == made
    shown = here("reproduce").stdout
    for line in (made["command"], json.dumps(made["conf"]), made["request"], "Nothing that was recorded differs"):
        assert line in shown


def test_the_command_and_the_configuration_request_the_same_run(past: PastRun, monkeypatch: pytest.MonkeyPatch) -> None:
    made = document("reproduce")
    given: list[Any] = []
    monkeypatch.setattr(run_command, "_run", lambda params, as_of, *_: given.append({**params, "as_of": as_of}))
    assert here(*shlex.split(made["command"])[1:]).exit_code == 0
    wanted = past.plan.request.model_copy(update={"as_of": Request.check(made["conf"], past.settings).as_of})
    assert Request.check(given[0], past.settings) == Request.check(made["conf"], past.settings) == wanted
    assert shlex.split(made["request"])[:4] == [
        "curl", "-X", "POST", "http://localhost:8080/api/v2/dags/meli_training/dagRuns",
    ]  # fmt: skip
    assert json.loads(shlex.split(made["request"])[-1]) == {"logical_date": None, "conf": made["conf"]}


def test_an_ensemble_and_its_members_come_out_the_same_and_the_store_stays_as_it_is(past: PastRun) -> None:
    before = past.objects()
    made = json.loads(here("reproduce", past.model(ENSEMBLE).key, "--run", "--json").stdout)
    assert [figure for figure in made["figures"] if not figure["equal"]] == []
    assert made["equal"]
    names = [figure["what"] for figure in made["figures"]]
    for label in ("train quick_mlp", "train quick_cnn", "ensemble ensemble"):
        assert f"{label}: sha256 of the model" in names
        assert f"{label}: validation balanced accuracy" in names
    assert "test titles: balanced accuracy" in names and made["not_compared"] == ""
    assert past.objects() == before


def test_a_single_model_is_reported_in_words(past: PastRun) -> None:
    result = here("reproduce", past.model("quick_mlp").key, "--run")
    assert result.exit_code == 0
    assert "Reproduced: all 12 figures are the same." in result.stdout
    assert "computing train quick_mlp ..." in result.stderr


def test_a_source_that_changed_is_named_and_nothing_is_computed(past: PastRun) -> None:
    whole = past.titles.read_text()
    past.titles.write_text(whole.rstrip("\n") + "\nOtro titulo,MUGS\n")
    try:
        result = here("reproduce", "--run")
    finally:
        past.titles.write_text(whole)
    assert result.exit_code == 1
    assert f"source {past.titles}" in result.stdout
    message = " ".join(str(result.exception or result.stderr).split())
    assert "cannot be computed again, because it was made from other content" in message
    assert "computing" not in result.stderr


def test_a_source_that_vanished_is_named(past: PastRun) -> None:
    moved = past.titles.rename(past.folder / "moved.csv")
    try:
        then, now = found(past)[f"source {past.titles}"]
    finally:
        moved.rename(past.titles)
    assert then == past.plan.ingest.inputs["source"][:12]
    assert now.startswith("not there: The source ") and "matches no file" in now


def test_other_versions_machines_and_commits_are_named(past: PastRun) -> None:
    origin = origin_of_model(past.store, past.model("quick_mlp"))
    about = {**origin.model.about, "git": "0123abc", "python": "3.11.1", "host": "other"}
    about["versions"] = {"torch": "1.0", "gone": "2.0"}
    made = replace(origin.made, manifest=replace(origin.model, about=about))
    named = found(past, replace(origin, made=made))
    assert {name: then for name, (then, _) in named.items()} == {
        "commit": "0123abc", "Python": "3.11.1", "machine": "other", "torch": "1.0", "gone": "2.0",
    }  # fmt: skip
    assert named["gone"][1] == "not installed"


def test_a_gpu_and_an_early_stop_are_named(past: PastRun) -> None:
    origin = origin_of_model(past.store, past.model("quick_mlp"))
    conditions = origin.model.conditions.model_copy(update={"device": "cuda NVIDIA", "stopped_by": "ana"})
    made = replace(origin.made, manifest=replace(origin.model, conditions=conditions))
    assert found(past, replace(origin, made=made)) == {
        "device of quick_mlp": ("cuda NVIDIA", "the last digits of a GPU do not repeat"),
        "training run quick_mlp": ("stopped by ana", "runs to its end"),
    }


def test_a_stage_that_computes_otherwise_is_named(past: PastRun, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = origin_of_model(past.store, past.model("quick_mlp"))
    monkeypatch.setitem(STAGES, "embed", replace(STAGES["embed"], version=STAGES["embed"].version + 1))
    named = found(past, origin)
    assert list(named) == ["stage embed"]
    assert named["stage embed"][1].endswith("this version computes it otherwise")


def test_a_set_with_other_values_is_named(past: PastRun) -> None:
    origin = origin_of_model(past.store, past.model("quick_mlp"))
    values = origin.plan.resolved["quick_mlp"]
    changed = values.model_copy(update={"train": values.train.model_copy(update={"seed": 77})})
    resolved = {**origin.plan.resolved, "quick_mlp": changed}
    plan = origin.plan.model_copy(update={"resolved": resolved})
    assert found(past, replace(origin, plan=plan)) == {"set quick_mlp: train.seed": ("77", str(values.train.seed))}


def test_without_its_plan_a_model_cannot_be_traced(past: PastRun, monkeypatch: pytest.MonkeyPatch) -> None:
    store, model = past.store, past.model("quick_cnn" if _champion(past) == "quick_mlp" else "quick_mlp")
    monkeypatch.setattr(type(store), "names", lambda *_: iter(()))
    with pytest.raises(NotFound, match=r"The plan of local__.* is no longer in .*Restore the store's plans/"):
        origin_of_model(store, model)


def _champion(past: PastRun) -> str:
    champion = Ledger(past.store).champion()
    assert champion is not None
    return champion.set_name


def test_an_artifact_that_was_deleted_is_named(past: PastRun) -> None:
    key = past.model("quick_mlp").inputs["embed"]
    name = paths.manifest("embed", key)
    blob = past.store.read(name)
    assert blob is not None
    past.store.delete(name)
    try:
        with pytest.raises(NotFound, match=f"The embed artifact {key}, from which the train artifact"):
            origin_of_model(past.store, past.model("quick_mlp"))
    finally:
        past.store.write(name, blob.data)


def test_a_decision_that_does_not_exist_is_refused(past: PastRun) -> None:
    with pytest.raises(NotFound, match="99"):
        origin_of_decision(past.store, 99)


def test_a_version_in_mlflow_names_its_model(past: PastRun, monkeypatch: pytest.MonkeyPatch) -> None:
    model = past.model("quick_cnn")
    tags = [{"key": "meli.artifact_key", "value": model.key}, {"key": "meli.sha256", "value": model.model_sha256}]
    monkeypatch.setattr(MlflowServer, "get", lambda *_, **query: {"model_version": {"tags": tags, **query}})
    assert model_of_version("http://127.0.0.1:1", "titles", "7") == model.ref
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert document("reproduce", "7")["model"] == model.key
    tags.clear()
    with pytest.raises(NotFound, match=r"Version 7 .* does not say which model"):
        model_of_version("http://127.0.0.1:1", "titles", "7")


def test_a_version_that_mlflow_does_not_know_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadSettings, match="MLFLOW_TRACKING_URI is not set"):
        model_of_version("", "titles", "7")

    def refuse(*_: Any, **__: Any) -> None:
        raise TrackingRejected("no", code="RESOURCE_DOES_NOT_EXIST")

    monkeypatch.setattr(MlflowServer, "get", refuse)
    with pytest.raises(NotFound, match="has no version 7"):
        model_of_version("http://127.0.0.1:1", "titles", "7")


def test_a_model_that_another_run_reused_is_of_the_run_that_trained_it(
    past: PastRun, capsys: pytest.CaptureFixture[str]
) -> None:
    origin = origin_of_decision(past.store, 1)
    reproduce._show(replace(origin, plan=origin.plan.model_copy(update={"run_id": "later"})), past.settings, [])
    assert f"by {past.plan.run_id}, reused by later, promoted by decision 1" in capsys.readouterr().out
