"""The tab of a training task when what the tasks of its run returned was cleared, or has another form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meli_tasks.store.file import FileStore
from tests.airflow_process import ROOT, InAirflow
from tests.pages.published import evaluate
from tests.past_run import PastRun

pytestmark = pytest.mark.airflow


def test_a_set_that_was_not_returned_is_known_by_the_name_of_the_mapped_task(
    in_airflow: InAirflow, airflow_database: None, tmp_path: Path
) -> None:
    # A run that no other test puts into the database.
    run = PastRun(FileStore(tmp_path / "store"), run_id="cleared_returns", accuracies={"mlp": 0.90, "cnn": 0.94})
    evaluate(run)
    script = ROOT / "tests" / "plugins" / "cleared_returns.py"
    done = in_airflow(str(script), run.plan.run_id, run.plan.name, MELI_STORE=(tmp_path / "store").as_uri())
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, done.stderr[-3000:]
    unknown, found = json.loads(lines[-1].removeprefix("FOUND "))
    assert unknown == ""
    known = found.pop("no label, all")
    assert known[:2] == ["mlp", "done"] and known[2] > 0
    for case, page in found.items():
        assert page == (["", "waiting", 0] if case.startswith("no label") else known), case
