"""`meli prune` and `meli pin`: a dry run, deleting, pins, and what they print."""

from __future__ import annotations

import json
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from meli_tasks.core.errors import TrackingUnavailable
from meli_tasks.pruning import nightly
from meli_tasks.pruning.nightly import prune_night
from meli_tasks.settings import Settings
from meli_tasks.store import open_store
from tests.cli.program import here
from tests.pages.published import evaluate
from tests.past_run import START, PastRun

FEW = ("--keep-runs", "1", "--keep-days", "0", "--keep-versions", "1")


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[PastRun]:
    """Two runs that ended long ago."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MELI_STORE", f"file://{tmp_path}/store")
    store = open_store(f"file://{tmp_path}/store")
    made = [PastRun(store, run_id=f"night_{number}", seed=number) for number in (1, 2)]
    for number, run in enumerate(made):
        evaluate(run)
        run.plan.model_copy(update={"at": (START + timedelta(days=number - 60)).isoformat()}).save(store)
    make_old(tmp_path / "store")
    return made


def make_old(folder: Path) -> None:
    old = time.time() - 50 * 86_400
    for path in folder.rglob("*"):
        os.utime(path, (old, old))


def test_a_dry_run_names_what_would_go_and_deleting_asks_first(runs: list[PastRun], tmp_path: Path) -> None:
    before = sorted(path for path in (tmp_path / "store").rglob("*") if path.is_file())
    shown = here("prune", *FEW)
    assert shown.exit_code == 0
    assert "train" in shown.output and "This was a dry run." in shown.output
    assert "1 among the newest 1" in shown.output
    assert sorted(path for path in (tmp_path / "store").rglob("*") if path.is_file()) == before
    refused = here("prune", *FEW, "--delete")
    assert refused.exit_code == 2 and "--yes" in refused.output
    deleted = here("prune", *FEW, "--delete", "--yes", "--json")
    document = json.loads(deleted.stdout)
    assert document["deleted"].keys() == {"train", "evaluate"}
    assert document["deleted_bytes"] == document["bytes"] > 0
    assert (document["dry_run"], document["failed"], document["in_use"]) == (False, {}, [])
    assert "There is nothing to delete." in here("prune", *FEW).output
    runs_after = json.loads(here("runs", "--json").stdout)["runs"]
    assert {run["run_id"]: run["pruned"][:2] for run in runs_after} == {"night_1": "20", "night_2": ""}
    assert "0.9400 (pruned 20" in here("runs").output
    verified = here("verify", "--json")
    assert json.loads(verified.stdout)["damaged"] == []


def test_a_pinned_run_stays(runs: list[PastRun], tmp_path: Path) -> None:
    assert here("pin").output == f"No run in {runs[0].store.url} is pinned.\n"
    assert here("pin", "night_1", "--reason", "an audit").output == "night_1 is pinned.\n"
    assert ": an audit" in here("pin").output
    assert json.loads(here("prune", *FEW, "--json").stdout)["items"] == []
    assert here("pin", "night_1", "--remove").output == "night_1 is no longer pinned.\n"
    assert here("pin", "night_1", "--remove").exit_code == 1
    assert json.loads(here("prune", *FEW, "--json").stdout)["items"] == []  # for three days more
    make_old(tmp_path / "store")
    assert json.loads(here("prune", *FEW, "--json").stdout)["items"]
    assert here("pin", "night_7").exit_code == 1
    assert here("prune", *FEW, "--delete", "--yes").exit_code == 0
    assert "3 artifacts of the run had been pruned before" in here("pin", "night_1").output


def test_a_night_deletes_no_more_than_its_limit(runs: list[PastRun], tmp_path: Path) -> None:
    values = {
        "MELI_STORE": f"file://{tmp_path}/store",
        "MELI_HOME": str(tmp_path),
        "MELI_CACHE": str(tmp_path / "cache"),
    }
    few = {"MELI_PRUNE_KEEP_RUNS": "1", "MELI_PRUNE_KEEP_DAYS": "0", "MELI_PRUNE_KEEP_VERSIONS": "1"}
    assert prune_night(Settings.from_environment({**values, **few, "MELI_PRUNE_GB": "1e-7"}), "a night").bytes < 100
    assert prune_night(Settings.from_environment({**values, **few}), "a night").bytes > 100


def test_nothing_is_deleted_while_mlflow_does_not_answer(
    runs: list[PastRun], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(uri: str, model: str) -> list[object]:
        raise TrackingUnavailable("MLflow does not answer.")

    monkeypatch.setattr(nightly, "registered_models", down)
    assert here("prune", *FEW, "--delete", "--yes").exit_code == 1
    assert runs[0].store.size(runs[0].trainings["mlp"].file_name("model.json"))
