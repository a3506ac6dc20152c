"""The accuracy of what was scored, once labels arrive, from later runs or from files."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from meli_tasks.core.errors import BadData
from meli_tasks.monitoring.labels import Labels
from meli_tasks.monitoring.monitor import Look, Monitor
from meli_tasks.monitoring.nightly import monitor_night
from meli_tasks.monitoring.results import DayResult
from meli_tasks.notifications.message import DagRun
from meli_tasks.planning.run_index import RunIndex
from meli_tasks.store import Store
from tests.cli.program import here
from tests.monitoring.stores import category_of, night, score, settings_of, titles, with_champion
from tests.past_run import PastRun

DAY = "2026-11-21"


@pytest.fixture
def champion(file_store: Store, tmp_path: Path) -> PastRun:
    return with_champion(file_store, tmp_path / "model")


def look(champion: PastRun, tmp_path: Path, labels: str = "", today: str = "2026-11-30") -> Look:
    settings = settings_of(champion.store, tmp_path / "cache").model_copy(update={"monitoring_labels": labels})
    monitor = Monitor(settings, champion.store)
    monitor.today = date.fromisoformat(today)
    return monitor.look()


def scored(found: Look) -> DayResult:
    (result,) = (result for result in found.results if result.kind == "batch")
    return result


def file_of(path: Path, key: str, rows: dict[str, str]) -> str:
    path.write_text("\n".join([f"{key},category", *(",".join(row) for row in rows.items()), ""]))
    return str(path)


def test_labels_that_never_come_are_counted_and_never_look_like_a_pass(champion: PastRun, tmp_path: Path) -> None:
    score(champion, tmp_path / "in", DAY, titles(1, 300))
    found = scored(look(champion, tmp_path))
    assert found.verdict == "no change; no accuracy: 0 of 300 scored titles have a label after 9 days"
    assert found.accuracy
    assert not found.accuracy.worse
    again = look(champion, tmp_path, today="2026-12-10")
    assert again.new == ()
    assert "0 of 300 scored titles have a label after 19 days" in scored(again).verdict


def test_labels_of_a_later_run_give_the_accuracy_of_the_day_of_scoring(champion: PastRun, tmp_path: Path) -> None:
    rows = titles(1, 600)
    score(champion, tmp_path / "in", DAY, rows)
    look(champion, tmp_path)
    wrong = [category_of(row) for row in rows[200:300] + rows[:200]]
    night(champion, "2026-11-25", [*rows[:300], *titles(2, 300)], labels=[*wrong, *map(category_of, titles(2, 300))])
    found = look(champion, tmp_path)
    result = scored(found)
    assert result in found.new
    assert result.accuracy
    right = np.mean([category_of(row) == label for row, label in zip(rows[:300], wrong, strict=True)])
    assert (result.accuracy.titles, result.accuracy.labelled, result.accuracy.scored) == (300, 300, 600)
    assert result.accuracy.balanced_accuracy == pytest.approx(right, abs=0.05)
    assert result.alarms == ("accuracy",)
    assert "300 of 600 scored titles have a label after 9 days." in result.accuracy.sentence


@pytest.mark.parametrize("key", ["title", "id"])
def test_a_file_of_labels_is_joined_by_title_or_by_another_column(champion: PastRun, tmp_path: Path, key: str) -> None:
    rows = titles(1, 300)
    score(champion, tmp_path / "in", DAY, rows)
    keys = rows if key == "title" else [f"titles-{DAY}-{row}" for row in range(300)]
    labels = file_of(tmp_path / "labels.csv", key, dict(zip(keys[:120], map(category_of, rows), strict=False)))
    found = scored(look(champion, tmp_path, labels))
    assert found.accuracy
    assert (found.accuracy.titles, found.accuracy.balanced_accuracy, found.verdict) == (120, 1.0, "no change")
    # The next night knows later runs only, and keeps what it cannot measure any more.
    night(champion, "2026-11-25", titles(2, 300))
    assert scored(look(champion, tmp_path)).accuracy == found.accuracy


def test_titles_that_the_champion_was_trained_on_do_not_count(champion: PastRun, tmp_path: Path) -> None:
    known, new = titles(0, 200), titles(1, 100)
    score(champion, tmp_path / "in", DAY, known + new)
    labels = file_of(tmp_path / "labels.csv", "title", {title: category_of(title) for title in known + new})
    found = scored(look(champion, tmp_path, labels)).accuracy
    assert found
    assert (found.titles, found.labelled, found.in_training) == (100, 100, 200)
    assert "and 200 that the champion was trained on do not count" in found.sentence


def test_too_few_labels_give_no_figure(champion: PastRun, tmp_path: Path) -> None:
    rows = titles(1, 300)
    score(champion, tmp_path / "in", DAY, rows)
    labels = file_of(tmp_path / "labels.csv", "title", {row: category_of(row) for row in rows[:12]})
    found = scored(look(champion, tmp_path, labels))
    assert "no accuracy: 12 of 300 scored titles have a label after 9 days: 50 are needed" in found.verdict


def test_a_damaged_result_is_refused_instead_of_being_joined(champion: PastRun, tmp_path: Path) -> None:
    rows = titles(1, 300)
    score(champion, tmp_path / "in", DAY, rows)
    (result,) = (each.name for each in champion.store.objects("score/") if each.name.endswith(".csv"))
    blob = champion.store.read(result)
    assert blob
    champion.store.write(result, blob.data.replace(b"0.", b"1."))
    labels = file_of(tmp_path / "labels.csv", "title", {row: category_of(row) for row in rows})
    with pytest.raises(BadData, match="differs from its manifest"):
        look(champion, tmp_path, labels)


def test_a_file_of_labels_without_a_usable_column_is_refused(champion: PastRun, tmp_path: Path) -> None:
    score(champion, tmp_path / "in", DAY, titles(1, 100))
    path = tmp_path / "labels.csv"
    path.write_text("a,b,category\n1,2,X\n")
    with pytest.raises(BadData, match="labels need a column `title`, or one other column"):
        look(champion, tmp_path, str(path))
    path.write_text("title,label\n1,2\n")
    with pytest.raises(BadData, match="no column 'category'"):
        look(champion, tmp_path, str(path))


def test_a_night_without_its_file_of_labels_still_judges_the_titles_and_warns(
    champion: PastRun, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    score(champion, tmp_path / "in", DAY, titles(1, 300, strange=0.5))
    missing = {"monitoring_labels": str(tmp_path / "labels-{ds}.csv")}
    settings = settings_of(champion.store, tmp_path / "cache").model_copy(update=missing)
    with caplog.at_level("WARNING", "meli_tasks"):
        found = monitor_night(settings, champion.store, DagRun("meli_monitoring", "n1"))
    assert "unknown words" in found.changed
    assert "Labels could not be read, so their titles count as unlabelled" in caplog.text


def test_the_labels_of_a_file_count_more_than_those_of_a_run_and_no_title_twice(
    champion: PastRun, tmp_path: Path
) -> None:
    rows = titles(1, 300)
    score(champion, tmp_path / "in", DAY, rows)
    night(champion, "2026-11-25", rows, labels=[category_of(row) for row in rows[1:] + rows[:1]])
    labels = file_of(tmp_path / "labels.csv", "title", {row: category_of(row) for row in rows})
    found = scored(look(champion, tmp_path, labels)).accuracy
    assert found
    assert (found.titles, found.labelled, found.balanced_accuracy) == (300, 300, 1.0)


def test_another_look_keeps_the_accuracy_by_a_file_of_labels_and_lists_the_plans_once(
    champion: PastRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = titles(1, 300)
    score(champion, tmp_path / "in", DAY, rows)
    night(champion, "2026-11-25", titles(2, 100))
    before = scored(
        look(champion, tmp_path, file_of(tmp_path / "labels.csv", "title", dict(zip(rows, rows, strict=True))))
    )
    assert before.accuracy
    before.model_copy(update={"announced": True}).save(champion.store)
    listings: list[object] = []
    listed = RunIndex.look
    monkeypatch.setattr(RunIndex, "look", lambda *args: listings.append(args) or listed(*args))
    monitor = Monitor(settings_of(champion.store, tmp_path / "cache"), champion.store)
    monitor.today = date.fromisoformat("2026-11-30")
    found = monitor.look(again=True)
    assert len(listings) == 1
    assert {result.kind for result in found.new} == {"run", "batch"}
    assert scored(found).accuracy == before.accuracy
    assert scored(found).announced


def test_the_command_takes_a_file_of_labels(champion: PastRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = titles(1, 100)
    score(champion, tmp_path / "in", DAY, rows)
    monkeypatch.setenv("MELI_STORE", champion.store.url)
    monkeypatch.setenv("MELI_CACHE", str(tmp_path / "cache"))
    labels = file_of(tmp_path / "labels.csv", "title", {row: category_of(row) for row in rows})
    done = here("monitor", "--labels", labels)
    assert done.exit_code == 0, done.output
    assert "100 of 100 scored titles have a label after" in " ".join(done.stdout.split())


def test_more_labels_than_fit_become_a_random_sample_of_bounded_size_with_the_newest_label() -> None:
    labels = Labels(most=1_000)
    for start in range(0, 20_000, 500):
        labels.add([f"title {row}" for row in range(start, start + 500)], ["A"] * 500)
        assert sum(len(hashes) for hashes, _ in labels._added) + len(labels.hashes) <= 2_000
    labels.add([f"title {row}" for row in range(20_000)], ["B"] * 20_000)
    labels.settle()
    assert 400 < len(labels.hashes) <= 1_000
    assert len(labels.hashes) == pytest.approx(20_000 * labels.kept, rel=0.2)
    places = labels.places([f"title {row}" for row in range(20_000)])
    assert (places >= 0).sum() == len(labels.hashes)
    assert {labels.categories[code] for code in labels.codes.tolist()} == {"B"}
    assert labels.places(["unheard of", ""]).tolist() == [-1, -1]
