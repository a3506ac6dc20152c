"""What a look at a champion's new titles finds, stores and says."""

from __future__ import annotations

from pathlib import Path

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.core.errors import NotFound
from meli_tasks.monitoring.monitor import Look, Monitor
from meli_tasks.monitoring.results import results_of, since
from meli_tasks.store import Store
from tests.cli.program import document, here
from tests.monitoring.stores import night, settings_of, titles, with_champion
from tests.past_run import PastRun


@pytest.fixture
def champion(file_store: Store, tmp_path: Path) -> PastRun:
    return with_champion(file_store, tmp_path / "model")


def look(champion: PastRun, tmp_path: Path, **arguments: int | bool) -> Look:
    settings = settings_of(champion.store, tmp_path / "cache")
    return Monitor(settings, champion.store).look(**arguments)  # type: ignore[arg-type]


def test_unchanged_titles_are_no_change_and_the_champions_own_are_not_compared(
    champion: PastRun, tmp_path: Path
) -> None:
    night(champion, "2026-11-21", titles(1, 1_500))
    found = look(champion, tmp_path)
    own, unchanged = found.new
    assert own.note == "The champion was trained on these titles."
    assert (unchanged.day, unchanged.titles, unchanged.note, unchanged.changes) == ("2026-11-21", 1_500, "", ())
    assert unchanged.profile.titles == 1_500
    assert found.results == found.new


def test_what_changed_is_found_with_examples_and_the_day_since_when(champion: PastRun, tmp_path: Path) -> None:
    night(champion, "2026-11-21", titles(1, 1_500))
    for day, seed in (("2026-11-22", 2), ("2026-11-23", 3)):
        night(champion, day, titles(seed, 1_500, strange=0.3), bad=200)
    found = look(champion, tmp_path)
    assert [result.day for result in found.changed] == ["2026-11-22", "2026-11-23"]
    changes = {finding.statistic: finding for finding in found.changed[-1].changes}
    assert {"unknown words", "unusable titles"} <= set(changes)
    assert changes["unknown words"].examples[0].startswith("zxq: ")
    assert "zxq" in changes["unknown words"].examples[0].partition("as in")[2]
    assert changes["unusable titles"].examples == ("no title: 200",)
    assert since(found.results, "unknown words", found.changed[-1]) == "2026-11-22"


def test_titles_that_the_champion_was_fitted_on_do_not_count_as_new(champion: PastRun, tmp_path: Path) -> None:
    night(champion, "2026-11-21", [*titles(0, 3_000), *titles(1, 40)])
    found = look(champion, tmp_path).new[-1]
    assert found.titles == 40
    assert found.note == "The run has 40 titles that the champion was not trained on: 50 are needed."


def test_a_run_is_examined_once_unless_asked_again(champion: PastRun, tmp_path: Path) -> None:
    night(champion, "2026-11-21", titles(1, 500))
    assert len(look(champion, tmp_path).new) == 2
    assert look(champion, tmp_path).new == ()
    assert len(look(champion, tmp_path, again=True).new) == 2
    assert len(results_of(champion.store, str(champion.trainings["mlp"].ref), LenientReader(champion.store))) == 2


def test_only_the_newest_runs_are_examined(champion: PastRun, tmp_path: Path) -> None:
    for day in ("2026-11-21", "2026-11-22"):
        night(champion, day, titles(int(day[-2:]), 200))
    assert [result.day for result in look(champion, tmp_path, runs=1).new] == ["2026-11-22"]


def test_a_run_before_the_champion_is_not_examined(champion: PastRun, tmp_path: Path) -> None:
    night(champion, "2026-11-19", titles(1, 500))
    assert [result.day for result in look(champion, tmp_path).new] == ["2026-11-20"]


def test_a_damaged_reference_is_made_again(champion: PastRun, tmp_path: Path) -> None:
    night(champion, "2026-11-21", titles(1, 500))
    look(champion, tmp_path)
    name = paths.monitoring_reference(str(champion.trainings["mlp"].ref))
    champion.store.write(name, b"{")
    assert look(champion, tmp_path, again=True).new[-1].note == ""


def test_a_damaged_result_hides_no_other(champion: PastRun, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    night(champion, "2026-11-21", titles(1, 500))
    first = look(champion, tmp_path).results[0]
    champion.store.write(first.name, b"{")
    assert [result.day for result in look(champion, tmp_path).results] == ["2026-11-20", "2026-11-21"]


def test_without_a_champion_there_is_nothing_to_compare(file_store: Store, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no champion"):
        Monitor(settings_of(file_store, tmp_path), file_store).look()


def test_the_command_prints_a_summary_and_json(
    champion: PastRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night(champion, "2026-11-21", titles(1, 500, strange=0.4))
    monkeypatch.setenv("MELI_STORE", champion.store.url)
    monkeypatch.setenv("MELI_CACHE", str(tmp_path / "cache"))
    done = here("monitor")
    assert done.exit_code == 0, done.output
    assert "changed: unknown words" in done.stdout
    assert "zxq" in done.stdout
    assert "Since 2026-11-21." in done.stdout
    found = document("monitor")
    assert [day["day"] for day in found["days"]] == ["2026-11-20", "2026-11-21"]
    assert {each["since"] for each in found["days"][1]["findings"] if each["changed"]} == {"2026-11-21"}
    assert found["new"] == []
