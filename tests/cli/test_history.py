"""`meli runs`: what past runs found, whatever else lies in the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.planning.preview import Preview
from meli_tasks.store import open_store
from tests.cli.program import document, here
from tests.pages.published import evaluate, promote
from tests.past_run import PastRun
from tests.unreadable import CONTENTS, names_of, put


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PastRun:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MELI_STORE", f"file://{tmp_path}/store")
    return PastRun(open_store(f"file://{tmp_path}/store"))


def test_a_night_that_found_nothing_new_says_so_and_what_it_saved(run: PastRun) -> None:
    reason = "The same titles, sets and champion as before"
    Preview(nothing_new=reason, saved_seconds=120.0).save(run.plan, run.store)
    assert "nothing new, saved 2 min" in here("runs").stdout
    [row] = document("runs")["runs"]
    assert (row["nothing_new"], row["saved_seconds"]) == (reason, 120.0)
    evaluate(run)  # somebody cleared it, and it evaluated after all
    assert "nothing new" not in here("runs").stdout


@pytest.mark.parametrize("content", CONTENTS)
def test_what_cannot_be_read_hides_no_run_and_is_named(run: PastRun, content: str) -> None:
    promote(run, "mlp")
    put(run.store, "plans/spoilt/0123456789ab.json", content)
    put(run.store, paths.decision(2), content)
    put(run.store, paths.manifest("train", run.models["cnn"]), content)
    result = here("runs")
    assert result.exit_code == 0
    assert run.run_id in result.stdout
    assert "3 objects in " in result.stderr
    assert "plans/spoilt/0123456789ab.json (" in result.stderr
    found = document("runs")
    assert ([row["run_id"] for row in found["runs"]], len(found["decisions"])) == ([run.run_id], 1)
    assert names_of(found["skipped"]) == {
        "plans/spoilt/0123456789ab.json", paths.decision(2), paths.manifest("train", run.models["cnn"]),
    }  # fmt: skip
