"""Airflow's callbacks send the notifications of a run, and cost nothing where there is no channel."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.airflow_process import InAirflow
from tests.notifications import sinks

pytestmark = pytest.mark.airflow

GOOD = {"source": "sample:rows=2500,seed=3", "sets": ["quick_mlp"]}
BAD = {"source": "/no/such/titles.csv", "sets": ["quick_mlp"]}
SHOW = """
import json
from meli_training import dag
alerts = [[alert.interval.total_seconds(), alert.callback.path, alert.callback.kwargs] for alert in dag.deadline or []]
ended = [type(callback).__name__ for callback in (dag.on_success_callback, dag.on_failure_callback) if callback]
failed = [type(callback).__name__ for callback in dag.get_task("ingest").on_failure_callback or []]
asked = [type(notifier).__name__ for notifier in dag.get_task("approve").notifiers]
print(json.dumps([ended, failed, alerts, asked]))
"""
WAITS = """
from types import SimpleNamespace
from meli_airflow.notifiers import RunWaits
for _ in range(2):
    RunWaits()({"dag": SimpleNamespace(dag_id="meli_training"), "run_id": "manual__1", "dag_run": None})
"""
LATE = """
import asyncio, json, sys
from airflow._shared.module_loading import import_string
late = import_string("meli_airflow.notifiers.RunLate")
async def main():
    await late(minutes=240.0, context=json.loads(sys.argv[1]))
asyncio.run(main())
"""


def shown(in_airflow: InAirflow, **settings: str) -> list[list[object]]:
    done = in_airflow("-c", SHOW, **settings)
    assert done.returncode == 0, done.stderr[-2000:]
    answer: list[list[object]] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_without_a_channel_the_dag_only_keeps_why_tasks_fail_for_the_runs_tab(in_airflow: InAirflow) -> None:
    assert shown(in_airflow) == [[], ["TaskFailed"], [], []]


def test_with_a_channel_the_dag_has_callbacks_and_a_deadline(in_airflow: InAirflow) -> None:
    wishes = {"MELI_WEBHOOK": "http://127.0.0.1:1/x", "MELI_DEADLINE_MINUTES": "90"}
    ended, failed, alerts, asked = shown(in_airflow, **wishes)
    assert asked == ["RunWaits"]
    assert ended == ["RunEnded", "RunEnded"] and failed == ["TaskFailed"]
    assert alerts == [[5400.0, "meli_airflow.notifiers.RunLate", {"minutes": 90.0}]]
    assert shown(in_airflow, MELI_EMAIL="a@b.c", MELI_DEADLINE_MINUTES="0")[2] == []


def test_a_good_and_a_bad_run_send_one_notification_each_with_verdict_and_links(
    in_airflow: InAirflow, airflow_database: None, tmp_path: Path
) -> None:
    with sinks.webhook() as web:
        script = str(Path(__file__).parent / "notified_run.py")
        # dag.test() of Airflow 3.3.2 cannot end a run that has a deadline; the scheduler can.
        wishes = {"MELI_WEBHOOK": web.url, "MELI_DEADLINE_MINUTES": "0", "MELI_STORE": (tmp_path / "store").as_uri()}
        done = in_airflow(script, json.dumps(GOOD), json.dumps(BAD), **wishes)
    assert done.returncode == 0, done.stderr[-3000:]
    (good, state), (bad, failed) = json.loads(done.stdout.splitlines()[-1])
    assert (state, failed) == ("success", "failed")
    good, bad = quote(good, safe=":+"), quote(bad, safe=":+")
    assert len(web.bodies) == 2, done.stderr[-3000:]
    promoted, failed_text = (body["text"] for body in web.bodies)
    assert promoted.startswith("🏆 *quick_mlp is the new champion: balanced accuracy ")
    assert "quick_mlp" in promoted.split("```")[1] and f"/dags/meli_training/runs/{good}|DAG run>" in promoted
    assert failed_text.startswith("❌ *The run failed: plan*")
    assert "/no/such/titles.csv" in failed_text and f"/runs/{bad}/tasks/plan|plan>" in failed_text


def late(in_airflow: InAirflow, run_id: str, state: str = "running", **settings: str) -> None:
    """A missed deadline, as the triggerer handles it."""
    run = {"dag_id": "meli_training", "dag_run_id": run_id, "state": state, "start_date": None}
    context = {"dag_run": {**run, "queued_at": "2026-11-20T03:00:00Z"}, "deadline": {"id": "1"}}
    done = in_airflow("-c", LATE, json.dumps(context), **settings)
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_late_run_is_reported_once_and_one_that_ended_in_time_never(in_airflow: InAirflow) -> None:
    with sinks.webhook() as web:
        for state in ("running", "running", "failed"):
            late(in_airflow, "slow" if state == "running" else "failed in time", state, MELI_WEBHOOK=web.url)
    [body] = web.bodies
    assert body["text"].startswith("⏰ *The run is late: not finished 4 h after it was queued*")


def test_that_a_run_waits_for_a_person_is_sent_once_whatever_is_to_be_reported(in_airflow: InAirflow) -> None:
    with sinks.webhook() as web:
        done = in_airflow("-c", WAITS, MELI_WEBHOOK=web.url, MELI_NOTIFY="failures")
        assert done.returncode == 0, done.stderr[-2000:]
    [body] = web.bodies
    assert body["text"].startswith("🙋 *Approval required: Promote a model?*")
    page = "http://localhost:8080/dags/meli_training/runs/manual__1/tasks/approve/required_actions"
    assert f"<{page}|Approve or reject it>" in body["text"]


def test_without_its_store_a_run_is_reported_anyway(in_airflow: InAirflow) -> None:
    away = {"MELI_STORE": "s3://meli/x", "MELI_S3_ENDPOINT": "http://127.0.0.1:1"}
    with sinks.webhook() as web:
        keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
        late(in_airflow, "lost", MELI_WEBHOOK=web.url, **away, **keys)
    assert "the store cannot be read" in web.bodies[0]["text"]
