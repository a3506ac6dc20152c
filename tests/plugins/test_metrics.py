"""The pipeline's metrics, sent by Airflow's own sender to a receiver as a collector has one."""

from __future__ import annotations

import pytest

from tests.airflow_process import InAirflow
from tests.plugins.otlp import receiver

pytestmark = pytest.mark.airflow

# What the process of a task does: it sets Airflow's sender up, runs the task, and runs what was registered for its end.
SEND = """
import logging
from types import SimpleNamespace as Some
import airflow.sdk
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils
from meli_airflow import metrics
stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)
airflow.sdk.get_current_context = lambda: {"ti": Some(task_id="ingest", try_number=3)}
titles = {"rows": 900, "bad_rows": 7, "source_rows": 907}
metrics.send_step(Some(manifest=Some(stage="ingest", summary=titles), hit=False, seconds=1.5))
metrics.send_step(Some(manifest=Some(stage="train", summary={}), hit=True, seconds=0.1))
metrics.send_decision("promote", 0.93)
metrics.send_night(Some(examined=2, changed=("words",), retrain="because"))
metrics.send_batch({"batch": "b", "rows": 50, "bad_rows": 2, "abstained": 1})
report = Some(scores={"mlp": Some(balanced_accuracy=0.91), "cnn": Some(balanced_accuracy=0.89)})
import meli_tasks.planning.evaluation as evaluation
evaluation.EvaluationReport = Some(load=lambda store, name: report)
metrics.send_evaluation(Some(store=None), Some(name="plan"))
"""
FAILING = """
from types import SimpleNamespace as Some
from airflow.sdk.observability import stats
from meli_airflow import metrics
def broken():
    raise RuntimeError("no such sender")
stats.initialize(factory=broken, export_legacy_names=False)
metrics.send_decision("promote", 0.93)
print("the task went on")
"""


def test_every_metric_arrives_with_its_tags_when_the_process_ends(in_airflow: InAirflow) -> None:
    with receiver() as received:
        environment = {
            "AIRFLOW__METRICS__OTEL_ON": "True",
            "OTEL_EXPORTER_OTLP_ENDPOINT": received.url,
            # Otherwise each process would send its own total of 1, and no collector could add them up.
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
        }
        done = in_airflow("-c", SEND, **environment)
        assert done.returncode == 0, done.stderr[-2000:]
        found = received.of("airflow.meli.")
    counted = {name: found.pop(name) for name in ("airflow.meli.stage.results", "airflow.meli.decisions")}
    assert counted == {
        "airflow.meli.stage.results": [
            ({"stage": "ingest", "reused": "false"}, 1), ({"stage": "train", "reused": "true"}, 1),
        ],
        "airflow.meli.decisions": [({"action": "promote"}, 1)],
    }  # fmt: skip
    # Airflow flushes its sender and then shuts it down, which may send a last value again.
    last = {name: {tuple(tags.values()): value for tags, value in points} for name, points in found.items()}
    assert last == {
        "airflow.meli.stage.seconds": {("ingest",): 1.5},
        "airflow.meli.task.tries": {("ingest",): 3},
        "airflow.meli.ingest.rows": {("listings",): 900, ("quarantined",): 7, ("source",): 907},
        "airflow.meli.model.balanced_accuracy": {("mlp",): 0.91, ("cnn",): 0.89},
        "airflow.meli.champion.balanced_accuracy": {(): 0.93},
        "airflow.meli.monitoring.examined": {(): 2},
        "airflow.meli.monitoring.changes": {(): 1},
        "airflow.meli.monitoring.retrain": {(): 1},
        "airflow.meli.batch.rows": {("all",): 50, ("bad",): 2, ("abstained",): 1},
    }
    assert {name.removeprefix("airflow.") for name in found | counted} == set(declared(in_airflow))


def declared(in_airflow: InAirflow) -> list[str]:
    done = in_airflow("-c", "from meli_airflow.metrics import METRICS; print(*METRICS)")
    return done.stdout.split()


@pytest.mark.parametrize("on", ["True", "False"])
def test_no_task_fails_because_of_its_metrics(in_airflow: InAirflow, on: str) -> None:
    done = in_airflow("-c", FAILING, AIRFLOW__METRICS__OTEL_ON=on)
    assert "the task went on" in done.stdout.splitlines(), done.stderr[-2000:]
    said = "The metrics of this task could not be sent" in done.stderr + done.stdout
    assert said == (on == "True")
