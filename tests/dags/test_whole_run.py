"""The DAG run whole by `dag.test()`: nothing stands in for anything, and the second run computes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.airflow_process import InAirflow

pytestmark = pytest.mark.airflow

CONF = {"source": "sample:rows=2500,seed=3", "sets": ["quick_mlp", "quick_cnn"]}


def test_the_dag_promotes_a_model_and_then_computes_nothing(in_airflow: InAirflow, airflow_database: None) -> None:
    done = in_airflow(str(Path(__file__).parent / "whole_run.py"), json.dumps(CONF))
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = json.loads(done.stdout.splitlines()[-1])
    for run in (first, second):
        assert run["state"] == "success"
        others = {name: task["state"] for name, task in run["tasks"].items() if task["state"] != "success"}
        assert others == {"search": "skipped"}

    assert [run["tasks"]["ingest"]["returned"][0]["hit"] for run in (first, second)] == [False, True]
    computed = ("preprocess[0]", "train_mlp[0]", "train_cnn[0]", "ensemble", "evaluate")
    assert [first["tasks"][task]["returned"]["hit"] for task in computed] == [False] * len(computed)
    assert [second["tasks"][task]["returned"]["hit"] for task in computed] == [True] * len(computed)
    promoted, kept = (run["tasks"]["promote"]["returned"] for run in (first, second))
    assert (promoted["action"], kept["action"]) == ("promote", "keep")
    assert promoted["champion"]["set_name"] in {*CONF["sets"], "ensemble"}
    assert kept["champion"] == promoted["champion"]
