"""The page Monitoring: what monitoring stored about the champion, by day, and whether to retrain."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.core.errors import NotFound
from meli_tasks.monitoring.monitor import Monitor
from meli_tasks.monitoring.nightly import monitor_night
from meli_tasks.monitoring.results import results_of
from meli_tasks.notifications.message import DagRun
from meli_tasks.pages import Pages
from meli_tasks.store import Store
from tests.monitoring.stores import category_of, night, score, settings_of, titles, with_champion


def test_a_store_without_a_champion_has_an_empty_page(file_store: Store) -> None:
    page = Pages(file_store).monitoring()
    assert (page.champion, page.streams, page.advice) == ("", [], None)
    with pytest.raises(NotFound, match="There is no report on monitoring yet"):
        Pages(file_store).monitoring_report()


def test_the_page_has_each_day_of_both_kinds_with_what_changed_since_when(file_store: Store, tmp_path: Path) -> None:
    run = with_champion(file_store, tmp_path / "model")
    pages = Pages(file_store)
    assert (pages.monitoring().champion, pages.monitoring().streams) == ("mlp", [])

    night(run, "2026-11-21", titles(1, 600))
    for day, seed in (("2026-11-22", 2), ("2026-11-23", 3)):
        night(run, day, titles(seed, 600, strange=0.4))
    scored = titles(4, 300)
    score(run, tmp_path / "in", "2026-11-22", scored)
    labels = tmp_path / "labels.csv"
    labels.write_text("\n".join(["title,category", *(f"{title},{category_of(title)}" for title in scored), ""]))
    settings = settings_of(file_store, tmp_path / "cache").model_copy(update={"monitoring_labels": str(labels)})
    monitor_night(settings, file_store, DagRun("meli_monitoring", "n1"))
    page = Pages(file_store).monitoring()

    ingested, batches = page.streams
    assert (ingested.name, ingested.of_runs) == ("ingested titles", True)
    assert [day.state for day in ingested.days] == ["not compared", "no change", "changed", "changed"]
    changed = {one.statistic: one for one in ingested.days[-1].statistics if one.changed}
    assert changed["unknown words"].since == "2026-11-22"
    assert changed["unknown words"].distance > changed["unknown words"].chance_level
    assert changed["unknown words"].examples[0].startswith("zxq: ")
    assert (batches.name, batches.of_runs, [day.state for day in batches.days]) == (
        "scored titles",
        False,
        ["no change"],
    )
    accuracy = batches.days[0].accuracy
    assert accuracy
    assert (accuracy.balanced_accuracy, accuracy.promised, accuracy.worse) == (1.0, 0.94, False)
    assert page.advice
    assert page.advice.retrain and page.advice.answer == "Yes"
    assert page.advice.reason == "unknown words and confidence changed."
    assert page.advice.seconds == 30.0
    assert page.report
    assert b"zxq" in Pages(file_store).monitoring_report()


def test_an_accuracy_without_labels_has_no_figure_but_a_reason(file_store: Store, tmp_path: Path) -> None:
    run = with_champion(file_store, tmp_path / "model")
    score(run, tmp_path / "in", "2026-11-22", titles(4, 300))
    monitor = Monitor(settings_of(file_store, tmp_path / "cache"), file_store)
    monitor.today = date(2026, 11, 30)
    monitor.look()
    accuracy = Pages(file_store).monitoring().streams[-1].days[0].accuracy
    assert accuracy
    assert (accuracy.balanced_accuracy, accuracy.interval, accuracy.promised) == (None, None, None)
    assert "0 of 300 scored titles have a label after 8 days" in accuracy.sentence


def test_a_result_that_cannot_be_read_is_named_and_hides_no_other(file_store: Store, tmp_path: Path) -> None:
    run = with_champion(file_store, tmp_path / "model")
    night(run, "2026-11-21", titles(1, 600))
    monitor_night(settings_of(file_store, tmp_path / "cache"), file_store, DagRun("meli_monitoring", "n1"))
    first = results_of(file_store, str(run.trainings["mlp"].ref), LenientReader(file_store))[0]
    file_store.write(first.name, b"{")
    page = Pages(file_store).monitoring()
    assert [day.day for day in page.streams[0].days] == ["2026-11-21"]
    assert page.skipped.first[0].name == first.name
