"""The head of a run's tab: what happened in a line, and why tasks failed, with the notification's words."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.notifications import message, render
from meli_tasks.notifications.failures import Failure, keep
from meli_tasks.notifications.message import DagRun
from meli_tasks.pages import AirflowRun, FailedInAirflow
from meli_tasks.pages.run_head import progress
from meli_tasks.planning.verdict import Verdict
from meli_tasks.settings import Settings
from meli_tasks.stages.evaluation import at_chance
from meli_tasks.store import Store
from tests.pages.published import Counting, evaluate, promote
from tests.pages.served import ServedPages
from tests.past_run import PastRun

BEGAN = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
WHY = "The file /no/such/titles.csv does not exist."


def head(run_id: str, store: Store, state: str | None, failed: tuple[FailedInAirflow, ...] = (), plan: str = "") -> Any:
    pages = ServedPages(store)
    airflow = (
        AirflowRun(run_id, state, started=BEGAN.isoformat(), task=failed[0].task if failed else "") if state else None
    )
    page = pages.pages.run(plan) if plan else None
    return pages.run_head(run_id, page, airflow, failed)


def failure(task: str, of: str = "", why: str = WHY, minutes: int = 1) -> Failure:
    return Failure(task, of, why, (BEGAN + timedelta(minutes=minutes)).isoformat())


def test_a_run_that_failed_without_a_plan_says_why_in_the_notifications_words(store: Counting) -> None:
    keep(store, "manual__1", failure("plan"))
    found = head("manual__1", store, "failed", (FailedInAirflow("plan"),))
    assert (found["outcome"], found["title"]) == ("failed", f"Failed in plan: {WHY}")
    [task] = found["failed"]
    assert (task["task"], task["map_index"], task["message"], task["in_airflow"]) == ("plan", -1, WHY, True)
    settings = Settings.from_environment({"MELI_STORE": store.url})
    sent = message.of_end(settings, store, DagRun("meli_training", "manual__1", began=BEGAN), succeeded=False)
    assert f"{task['label']}: {task['message']}" in render.plain(sent)


def test_a_mapped_task_is_named_by_its_set_and_linked_by_its_index(store: Counting) -> None:
    keep(store, "manual__1", failure("train_cnn", "cnn", "The loss is not finite at step 7."), 2)
    found = head("manual__1", store, "failed", (FailedInAirflow("train_cnn", 2, "cnn"), FailedInAirflow("evaluate")))
    assert found["title"] == "Failed in train_cnn [cnn]: The loss is not finite at step 7."
    assert [(task["task"], task["map_index"]) for task in found["failed"]] == [("train_cnn", 2), ("evaluate", -1)]
    assert found["failed"][1]["message"] == "it left no message; see its log"


def test_a_failure_from_before_the_run_was_cleared_is_not_this_ones(store: Counting) -> None:
    keep(store, "manual__1", failure("ingest", minutes=-5))
    found = head("manual__1", store, "failed", (FailedInAirflow("ingest"),))
    assert (found["title"], len(found["failed"])) == ("Failed in ingest", 1)


def test_a_run_that_somebody_ended_says_that_no_task_failed(store: Counting) -> None:
    found = head("manual__1", store, "failed")
    assert (found["title"], found["failed"]) == ("Failed", [])
    assert "somebody marked the run as failed" in found["detail"]


def test_what_failed_is_kept_after_airflow_deleted_the_run(store: Counting) -> None:
    run = PastRun(store)
    keep(store, run.run_id, failure("train_mlp", "mlp"))
    found = head(run.run_id, store, None, plan=run.plan.name)
    assert found["title"] == "Airflow does not know this run any more, or never did"
    assert [(task["label"], task["in_airflow"]) for task in found["failed"]] == [("train_mlp [mlp]", False)]


def test_a_run_that_promoted_or_kept_says_so(store: Counting) -> None:
    run = PastRun(store)
    evaluate(run)
    promote(run, "mlp")
    found = head(run.run_id, store, "success", plan=run.plan.name)
    assert (found["outcome"], found["title"]) == ("promoted", "Promoted")
    assert "mlp" in found["detail"]


def test_a_run_that_waits_repeats_the_question(store: Counting) -> None:
    run = PastRun(store)
    evaluated = evaluate(run)
    Verdict(verdict="ask", nominated="mlp", question="Promote mlp?", evaluated=evaluated).save(store, run.plan.name)
    found = head(run.run_id, store, "running", plan=run.plan.name)
    assert (found["outcome"], found["title"]) == ("waiting", "Waiting for approval")
    assert "Promote mlp?" in found["detail"]


def test_a_running_run_says_how_far_it_is_and_how_long_it_will_take(store: Counting) -> None:
    run = PastRun(store, accuracies={"mlp": 0.94, "cnn": 0.92, "cnn_2": 0.9})
    for name in ("cnn", "cnn_2"):
        store.delete(paths.manifest("train", run.models[name]))
    note = {"run_id": run.run_id, "state": "running", "epoch": 2, "epochs": 5, "seconds_left": 150.0}
    store.write(paths.progress_log("train", run.models["cnn"]), json.dumps(note).encode())
    page = ServedPages(store).pages.run(run.plan.name).model_copy(update={"estimate_seconds": 300.0})
    airflow = AirflowRun(run.run_id, "running", started=BEGAN.isoformat())
    assert progress(page, airflow, BEGAN + timedelta(seconds=120)) == "training 2 of 3 sets, about 3 min left"
    assert progress(page, airflow, BEGAN + timedelta(seconds=290)) == "training 2 of 3 sets, about 2 min 30 s left"
    assert head(run.run_id, store, "running", plan=run.plan.name)["title"] == "Running: training 2 of 3 sets"


@pytest.mark.parametrize(("state", "title"), [("queued", "Queued: it starts when"), ("running", "Running: planning")])
def test_before_there_is_a_plan_it_says_what_it_waits_for(state: str, title: str, store: Counting) -> None:
    assert head("manual__1", store, state)["title"].startswith(title)


def test_a_model_that_is_no_better_than_guessing_is_flagged(store: Counting) -> None:
    run = PastRun(store, accuracies={"mlp": 0.94, "cnn": 1 / 3})  # of three categories
    evaluate(run)
    page = ServedPages(store).run(run.plan.name)
    assert {row["set"]: row["at_chance"] for row in page["rows"]} == {"mlp": False, "cnn": True}
    warning = head(run.run_id, store, "success", plan=run.plan.name)["warning"]
    assert warning.startswith("cnn is no better than guessing, which gets a balanced accuracy of 0.3333 with 3 ")


@pytest.mark.parametrize(("low", "flagged"), [(1 / 39, True), (0.0257, False), (0.01, True)])
def test_guessing_is_defined_by_the_interval(low: float, flagged: bool) -> None:
    assert at_chance((low, 0.03), 39) is flagged
    assert not at_chance((0.5, 1.0), 1)
