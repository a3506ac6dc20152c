"""`meli_batch_predict` by `dag.test()`: files are mapped, a broken one stops nothing, and nothing is scored twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from meli_tasks.scoring.request import BatchRequest

if TYPE_CHECKING:
    from tests.airflow_process import InAirflow

pytestmark = pytest.mark.airflow

SHAPES = """
import importlib, json, os
import meli_batch_predict as module

found = []
for cron, after_promotion in (("none", "false"), ("30 6 * * *", "false"), ("none", "true"), ("30 6 * * *", "true")):
    os.environ.update(MELI_BATCH_SCHEDULE=cron, MELI_BATCH_AFTER_PROMOTION=after_promotion)
    timetable = importlib.reload(module).dag.timetable
    found.append([type(timetable).__name__, "meli_champion" in str(timetable.asset_condition)])
form = {name: module.dag.params.get_param(name).schema for name in module.dag.params}
print(json.dumps({"schedules": found, "form": form}))
"""
RUN = """
import json, sys
from pathlib import Path
from airflow.dag_processing.dagbag import DagBag
from meli_tasks.prediction.models import Model
from meli_tasks.scoring import planning, scoring
from meli_tasks.settings import Settings
from meli_tasks.scoring.records import BatchRecord
from tests.scoring.toy import ByLength, model_named

planning.find_model = lambda *_: Model("champion toy", model_named("a"))
scoring.need_model = lambda *_: model_named("a")
scoring.load = lambda *_: ByLength()
folder = Path(sys.argv[1])
dag = DagBag().get_dag("meli_batch_predict")

def run(**conf):
    done = dag.test(run_conf={"source": str(folder), **conf})
    instances = done.get_task_instances()
    tasks = {f"{ti.task_id}[{ti.map_index}]": [str(ti.state), ti.rendered_map_index] for ti in instances}
    batch = done.get_task_instance("plan").xcom_pull(task_ids="plan", key="batch")
    record = BatchRecord.find(Settings.from_environment().open_store(), batch) if batch else None
    counts = [record.rows, record.problems] if record else None
    return {"state": str(done.state), "tasks": tasks, "record": counts}

found = {"broken": run()}
(folder / "c.parquet").unlink()
found["mended"] = run()
found["again"] = run()
found["wrong"] = run(source=str(folder / "nothing"))
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def runs(in_airflow: InAirflow, airflow_database: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("titles")
    (folder / "a.csv").write_text("title\nfunda roja\nmesa\n")
    (folder / "b.jsonl").write_text('{"title": "mesa"}\n')
    (folder / "c.parquet").write_bytes(b"PAR1 and nothing else")
    done = in_airflow("-c", RUN, str(folder))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    answers: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    answers["output"] = done.stdout + done.stderr
    return answers


def test_files_are_mapped_and_a_broken_one_stops_nothing(runs: dict[str, Any]) -> None:
    run = runs["broken"]
    assert [state for state, _ in run["tasks"].values()].count("success") == 4
    names = [Path(run["tasks"][f"score[{index}]"][1]).name for index in range(3)]
    assert names == ["a.csv", "b.jsonl", "c.parquet"]
    assert (run["state"], run["tasks"]["merge[-1]"][0]) == ("failed", "failed")
    rows, problems = run["record"]
    assert rows == 3
    assert len(problems) == 1
    assert "c.parquet" in problems[0]
    assert problems[0] in runs["output"]


def test_what_was_scored_is_not_scored_again(runs: dict[str, Any]) -> None:
    for name in ("mended", "again"):
        assert runs[name]["state"] == "success"
        assert runs[name]["record"] == [3, []]
        assert [state for task, (state, _) in runs[name]["tasks"].items() if task.startswith("score")] == ["skipped"]


def test_a_source_without_files_fails_the_plan(runs: dict[str, Any]) -> None:
    run = runs["wrong"]
    assert (run["state"], run["tasks"]["plan[-1]"][0], run["record"]) == ("failed", "failed", None)
    assert "matches no file" in runs["output"]


def test_it_is_scheduled_by_time_by_the_champion_or_by_both_and_has_a_form(in_airflow: InAirflow) -> None:
    done = in_airflow("-c", SHAPES, MELI_BATCH_SOURCE="s3://bucket/{ds}/")
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["schedules"] == [
        ["NullTimetable", False],
        ["CronTriggerTimetable", False],
        ["AssetTriggeredTimetable", True],
        ["AssetOrTimeSchedule", True],
    ]
    assert set(found["form"]) == set(BatchRequest.model_fields)
    assert all("type" in schema and "section" in schema for schema in found["form"].values())
