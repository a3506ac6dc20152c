"""What batches scored, judged by day beside the champion's validation titles."""

from __future__ import annotations

from pathlib import Path

import pytest

from meli_tasks.monitoring.monitor import Look, Monitor
from meli_tasks.monitoring.nightly import monitor_night
from meli_tasks.monitoring.results import DayResult, newest_of, since
from meli_tasks.notifications.message import DagRun
from meli_tasks.store import Store
from tests.monitoring.stores import night, publish, score, settings_of, titles, with_champion
from tests.past_run import PastRun

BELOW = 0.85
"""Titles with an unknown word are less certain than this, the others more."""


@pytest.fixture
def champion(file_store: Store, tmp_path: Path) -> PastRun:
    return with_champion(file_store, tmp_path / "model")


def look(champion: PastRun, tmp_path: Path) -> Look:
    return Monitor(settings_of(champion.store, tmp_path / "cache"), champion.store).look()


def scored(found: Look) -> list[DayResult]:
    return [result for result in found.results if result.kind == "batch"]


def test_unchanged_days_raise_no_alarm_and_one_with_new_words_does(champion: PastRun, tmp_path: Path) -> None:
    for number in range(3):
        score(champion, tmp_path / "in", f"2026-11-2{number + 1}", titles(number + 1, 400))
    score(champion, tmp_path / "in", "2026-11-24", titles(4, 400, strange=0.4))
    found = scored(look(champion, tmp_path))
    assert [result.alarms for result in found[:3]] == [(), (), ()]
    assert {result.verdict.partition(";")[0] for result in found[:3]} == {"no change"}
    assert found[3].alarms == ("unknown words", "confidence")
    assert found[3].changes[0].examples[0].startswith("zxq: ")
    assert found[3].subject == "400 scored titles"


def test_the_batches_of_a_day_are_judged_together_and_again_when_one_is_added(
    champion: PastRun, tmp_path: Path
) -> None:
    first = score(champion, tmp_path / "in", "2026-11-21", titles(1, 40), "a")
    assert scored(look(champion, tmp_path))[0].note == "The batches have 40 rows: 50 are needed."
    second = score(champion, tmp_path / "in", "2026-11-21", titles(2, 300), "b")
    found = look(champion, tmp_path)
    (day,) = scored(found)
    assert (day.titles, day.note, set(day.batches)) == (340, "", {first.id, second.id})
    assert [result.name for result in found.new] == [day.name]
    assert look(champion, tmp_path).new == ()


def test_what_another_model_scored_is_named_and_not_mixed_in(champion: PastRun, tmp_path: Path) -> None:
    other = PastRun(champion.store, run_id="other", accuracies={"cnn": 0.9}, seed=5)
    publish(other, other.plan.ingest, titles(9, 300))
    other.with_real_model("cnn", tmp_path / "other")
    by_other = {"model": other.models["cnn"]}
    score(champion, tmp_path / "in", "2026-11-21", titles(1, 300, strange=0.9), "b", **by_other)
    score(champion, tmp_path / "in", "2026-11-22", titles(2, 300))
    score(champion, tmp_path / "in", "2026-11-22", titles(3, 300, strange=0.9), "b", **by_other)
    alone, beside = scored(look(champion, tmp_path))
    name = f"{other.models['cnn'][:8]}"
    assert (alone.titles, alone.findings) == (0, ())
    assert name in alone.note
    assert alone.note.startswith("300 rows by ")
    assert alone.note.endswith("not by the champion: not compared.")
    assert (beside.titles, beside.alarms) == (300, ())
    assert name in beside.verdict


def test_withheld_predictions_are_compared_with_those_of_the_validation_titles_at_the_same_threshold(
    file_store: Store, tmp_path: Path
) -> None:
    champion = with_champion(file_store, tmp_path / "model", strange=0.3)
    score(champion, tmp_path / "in", "2026-11-21", titles(1, 600, strange=0.3), abstain_below=BELOW)
    score(champion, tmp_path / "in", "2026-11-22", titles(2, 600, strange=0.6), abstain_below=BELOW)
    same, more = scored(look(champion, tmp_path))
    findings = {finding.statistic: finding for finding in same.findings}
    assert findings["abstentions"].before == pytest.approx(0.3, abs=0.05)
    assert findings["abstentions"].now == pytest.approx(0.3, abs=0.05)
    assert same.alarms == ()
    assert "abstentions" in more.alarms
    assert more.subject == f"600 scored titles, withheld below {BELOW}"
    assert since([same, more], "abstentions", more) == "2026-11-22"


def test_days_of_the_two_kinds_do_not_end_each_others_changes(champion: PastRun, tmp_path: Path) -> None:
    for day, seed in (("2026-11-21", 1), ("2026-11-22", 2)):
        score(champion, tmp_path / "in", day, titles(seed, 300, strange=0.5))
        night(champion, day, titles(seed + 10, 600))
    found = look(champion, tmp_path)
    ingested, of_batches = newest_of(found.results)
    assert (ingested.alarms, of_batches.alarms[0]) == ((), "unknown words")
    assert since(found.results, "unknown words", of_batches) == "2026-11-21"


def test_a_night_examines_what_was_scored_though_no_run_ingested_anything(champion: PastRun, tmp_path: Path) -> None:
    settings = settings_of(champion.store, tmp_path / "cache")
    dag_run = DagRun("meli_monitoring", "n1")
    assert monitor_night(settings, champion.store, dag_run).examined == 1
    score(champion, tmp_path / "in", "2026-11-21", titles(1, 300, strange=0.5))
    found = monitor_night(settings, champion.store, dag_run)
    assert (found.examined, found.changed) == (1, ("unknown words", "confidence"))
