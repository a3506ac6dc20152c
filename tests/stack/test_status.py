"""What `make status` says of the champion and the last run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from meli_tasks.airflow_client import AirflowApi, DagRun
from meli_tasks.core.errors import Unreachable
from meli_tasks.ledger import Ledger
from meli_tasks.settings import Settings
from meli_tasks.stack import status
from tests.decided import champion, promote


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(store=tmp_path.as_uri(), airflow_url="http://localhost:8080")


def answering(monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    monkeypatch.setattr(AirflowApi, "health", lambda self: {"scheduler": "healthy"})
    monkeypatch.setattr(AirflowApi, "newest_run", run)


def test_a_store_without_a_champion_says_so(settings: Settings) -> None:
    assert status._champion(settings) == "none yet"


def test_the_champion_is_named_with_its_figure_and_its_run(settings: Settings) -> None:
    promote(Ledger(settings.open_store()), "mlp")
    current = champion("mlp")
    assert status._champion(settings) == (f"mlp, balanced accuracy {current.described_figure}, by run {current.run_id}")


def test_a_store_that_cannot_be_read_is_no_reason_to_fail() -> None:
    silent = Settings(
        store="s3://meli/store", s3_endpoint="http://127.0.0.1:9", access_key="key", secret_key="secret"
    )  # nothing listens there
    assert status._champion(silent).startswith("unknown: bucket 'meli' at http://127.0.0.1:9")


def test_the_last_run_is_named_with_its_state_and_its_page(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = datetime.now(UTC) - timedelta(minutes=10, seconds=3)
    answering(monkeypatch, lambda self, dag: DagRun(dag_run_id="manual__1", state="failed", end_date=ended))
    assert status._last_run(settings) == ("failed 10 min ago: http://localhost:8080/dags/meli_training/runs/manual__1")
    answering(monkeypatch, lambda self, dag: DagRun(dag_run_id="manual__1", state="running"))
    assert status._last_run(settings).startswith("running: http")
    answering(monkeypatch, lambda self, dag: None)
    assert status._last_run(settings) == "none yet"


def test_an_airflow_that_stops_answering_is_no_reason_to_fail(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(self: AirflowApi, dag: str) -> DagRun | None:
        raise Unreachable("Airflow at localhost:8080 does not answer: refused.")

    answering(monkeypatch, silent)
    assert status._last_run(settings) == "unknown: Airflow at localhost:8080 does not answer: refused."
