"""A night of monitoring: silent while nothing changes, else one notification with what, since when and examples."""

from __future__ import annotations

from pathlib import Path

import pytest

from meli_tasks.monitoring.nightly import Night, monitor_night
from meli_tasks.notifications import webhook
from meli_tasks.notifications.message import DagRun
from meli_tasks.store import Store
from tests.monitoring.stores import night, settings_of, titles, with_champion
from tests.notifications import sinks
from tests.past_run import PastRun


@pytest.fixture
def champion(file_store: Store, tmp_path: Path) -> PastRun:
    return with_champion(file_store, tmp_path / "model")


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "SECONDS_BEFORE_THE_SECOND_TRY", 0.0)


def nightly(champion: PastRun, tmp_path: Path, url: str, run: str) -> Night:
    settings = settings_of(champion.store, tmp_path / "cache").model_copy(
        update={"webhook": url, "airflow_url": "http://airflow"}
    )
    return monitor_night(settings, champion.store, DagRun("meli_monitoring", run))


def test_a_night_without_changes_sends_nothing(champion: PastRun, tmp_path: Path) -> None:
    night(champion, "2026-11-21", titles(1, 600))
    with sinks.webhook() as web:
        assert nightly(champion, tmp_path, web.url, "n1") == Night(2)
        assert (
            nightly(champion, tmp_path, web.url, "n2").skipped
            == "Nothing was ingested, scored or answered since monitoring last ran."
        )
    assert web.bodies == []


def test_a_change_is_sent_once_with_what_since_when_and_examples(champion: PastRun, tmp_path: Path) -> None:
    night(champion, "2026-11-21", titles(1, 600, strange=0.4))
    with sinks.webhook() as web:
        assert nightly(champion, tmp_path, web.url, "n1") == Night(2, ("unknown words", "confidence"))
        nightly(champion, tmp_path, web.url, "n2")
        night(champion, "2026-11-22", titles(2, 600, strange=0.4))
        nightly(champion, tmp_path, web.url, "n3")
    first, second = (body["text"] for body in web.bodies)
    assert "mlp may no longer fit the titles: unknown words, confidence" in first
    assert "2026-11-21, 600 new titles of scheduled__2026-11-21." in first
    assert "Since 2026-11-21." in first
    assert "zxq: " in first
    assert "http://airflow/plugin/models?monitoring=1" in first
    assert "2026-11-22, 600 new titles" in second
    assert "Since 2026-11-21." in second


def test_a_notification_that_could_not_be_sent_is_in_the_next_nights(champion: PastRun, tmp_path: Path) -> None:
    night(champion, "2026-11-21", titles(1, 600, strange=0.4))
    with sinks.webhook(404) as web:
        nightly(champion, tmp_path, web.url, "n1")
    with sinks.webhook() as web:
        nightly(champion, tmp_path, web.url, "n2")
    assert len(web.bodies) == 1


def test_without_a_champion_the_night_is_skipped(file_store: Store, tmp_path: Path) -> None:
    found = monitor_night(settings_of(file_store, tmp_path), file_store, DagRun("meli_monitoring", "n1"))
    assert found.skipped.startswith("There is no champion yet")
