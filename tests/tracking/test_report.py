"""The report of a run among the artifacts of its MLflow run, also after an outage."""

from __future__ import annotations

import pytest
from mlflow import artifacts
from mlflow.tracking import MlflowClient

from meli_tasks.artifacts import paths
from meli_tasks.tracking.outbox import PendingNote, Tracking
from tests.past_run import PastRun
from tests.servers import NOWHERE

pytestmark = pytest.mark.integration


def stored_in_mlflow(url: str) -> str:
    run_id = url.partition("?")[0].rpartition("/")[2]
    return artifacts.load_text(f"runs:/{run_id}/report.html")


def test_it_is_that_of_the_store_and_a_later_one_replaces_it(
    client: MlflowClient, run: PastRun, tracking: Tracking
) -> None:
    for html in ("<!doctype html>before the decision", "<!doctype html>after it"):
        run.store.write(paths.report(run.plan.name), html.encode())
        url = tracking.report(run.plan)
        assert url is not None
        assert stored_in_mlflow(url) == html
    assert tracking.pending() == []


def test_an_outage_delays_it_and_what_is_sent_then_is_the_newest(
    client: MlflowClient, run: PastRun, tracking: Tracking
) -> None:
    down = Tracking(NOWHERE, run.store)
    for html in (b"<!doctype html>first", b"<!doctype html>second"):
        run.store.write(paths.report(run.plan.name), html)
        assert down.report(run.plan) is None
    [name] = tracking.pending()
    assert name == PendingNote(kind="report", plan=run.plan.name).name
    assert tracking.replay() == 1
    assert tracking.pending() == []
    url = tracking.report(run.plan)
    assert url is not None
    assert stored_in_mlflow(url) == "<!doctype html>second"


def test_a_report_that_was_deleted_meanwhile_is_given_up(
    run: PastRun, tracking: Tracking, caplog: pytest.LogCaptureFixture
) -> None:
    run.store.write(paths.report(run.plan.name), b"<!doctype html>")
    assert Tracking(NOWHERE, run.store).report(run.plan) is None
    run.store.delete(paths.report(run.plan.name))
    tracking.replay()
    assert tracking.pending() == []
    assert "can no longer be sent to MLflow" in caplog.text
    assert f"`meli report {run.run_id}` writes it" in caplog.text
