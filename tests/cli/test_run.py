"""`meli run` and the commands that read what it left, on one small run through the real stages."""

from __future__ import annotations

import getpass
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from meli_tasks.core.errors import BadData, BadHyperparameters, Diverged, NotFound
from tests.cli.program import document, here, in_a_terminal

QUICK = ("--override", "train.epochs=2", "--override", "embed.dimensions=8", "--override", "preprocess.max_ngrams=500")
SETS = ("--sets", "quick_mlp,quick_cnn")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with titles; the store and the cache go there too."""
    folder = tmp_path_factory.mktemp("run")
    assert here("sample", "--rows", "1200", "--output", str(folder / "titles.csv")).exit_code == 0
    return folder


@pytest.fixture(autouse=True)
def settings(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setenv("MELI_STORE", (place / "store").as_uri())
    monkeypatch.setenv("MELI_CACHE", str(place / "cache"))
    monkeypatch.setenv("MELI_SOURCE", "titles.csv")


def run(*arguments: str) -> Any:
    return here("run", *arguments, *SETS, *QUICK, "--json")


@pytest.fixture
def outcome(settings: None, place: Path) -> Any:
    """The run; computed for the first test that asks, and all hits for the others."""
    return json.loads(run("all").stdout)


def test_a_run_goes_through_all_stages_and_promotes(outcome: Any) -> None:
    stages = [step["stage"] for step in outcome["steps"]]
    assert stages == ["ingest", "preprocess", "embed", "train", "train", "ensemble", "evaluate", "promote"]
    assert outcome["failed"] == {}
    assert set(outcome["scores"]) >= {"quick_mlp", "quick_cnn"}
    assert outcome["decision"]["champion"]["set_name"] in outcome["scores"]


def test_a_second_run_computes_nothing_and_says_what_it_saved(outcome: Any) -> None:
    again = json.loads(run("all").stdout)
    assert [step["hit"] for step in again["steps"] if step["stage"] in ("ingest", "preprocess", "embed", "train")] == [
        True
    ] * 5
    assert again["seconds_saved"] > again["seconds"] - 5
    result = here("run", "train", *SETS, *QUICK)
    assert result.exit_code == 0
    assert result.stdout.count("already there") == 6  # five steps and the sum
    assert "saved" in result.stdout


def test_a_run_stops_after_the_requested_stage(outcome: Any) -> None:
    steps = json.loads(run("preprocess").stdout)["steps"]
    assert [step["stage"] for step in steps] == ["ingest", "preprocess"]


def test_a_failing_set_does_not_stop_the_others(outcome: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from meli_tasks.pipeline import Pipeline

    train = Pipeline.train

    def diverge(self: Pipeline, plan: Any, set_name: str, fold: int) -> Any:
        if set_name == "quick_cnn":
            raise Diverged("loss is nan at step 3; last good loss 4.1")
        return train(self, plan, set_name, fold)

    monkeypatch.setattr(Pipeline, "train", diverge)
    result = run("all", "--no-promote")
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert report["failed"] == {"quick_cnn": "train: loss is nan at step 3; last good loss 4.1"}
    assert "quick_mlp" in report["scores"]
    assert "the set quick_cnn failed: train: loss is nan" in result.stderr


def test_when_every_set_fails_each_is_named(outcome: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from meli_tasks.pipeline import Pipeline

    def fail(self: Pipeline, plan: Any, recipe: int) -> Any:
        raise RuntimeError("out of memory\nframe #0: c10::Error")

    monkeypatch.setattr(Pipeline, "preprocess", fail)
    result = run("all")
    assert result.exit_code == 1
    reasons = json.loads(result.stdout)["failed"]
    assert reasons == dict.fromkeys(["quick_mlp", "quick_cnn"], "preprocess: unexpected RuntimeError: out of memory")


def test_a_failure_that_affects_all_sets_ends_the_run() -> None:
    assert isinstance(here("run", "all", "--sets", "quick_mpl").exception, BadHyperparameters)
    assert isinstance(here("run", "all", *SETS, "--override", "train.epochs=0").exception, BadHyperparameters)
    assert isinstance(here("run", "ingest", "--source", "absent.csv").exception, BadData)


def test_bad_rows_can_be_allowed_and_are_reported_with_their_file(place: Path) -> None:
    from meli_tasks.core.stage_parameters import Ingest

    lines = (place / "titles.csv").read_text(encoding="utf-8").splitlines()
    bad = [",CHAIRS,spanish,reliable"] * 100  # of 1200 rows: 8.3 %
    (place / "bad.csv").write_text("\n".join([lines[0], *bad, *lines[101:]]), encoding="utf-8")
    refused = here("run", "ingest", "--source", "bad.csv").exception
    assert isinstance(refused, BadData) and "raise max_bad_fraction" in str(refused)
    allowed = here("run", "ingest", "--source", "bad.csv", "--max-bad-share", "0.1", "--min-category-rows", "20")
    assert allowed.exit_code == 0
    [note] = [line for line in allowed.stderr.splitlines() if "Not used" in line]
    assert "100 bad rows (no title 100)" in note and "with fewer than 20 rows" in note
    assert Path(note.rpartition("file://")[2]).is_file()
    options = here("run", "--help").output
    for name in ("max_bad_fraction", "min_category_rows"):
        assert f"Default: {Ingest.model_fields[name].default}." in " ".join(options.replace("│", " ").split())


def test_a_window_reads_its_days_from_daily_files_and_from_a_single_table(place: Path) -> None:
    dates = ("2026-11-18", "2026-11-19", "2026-11-20")
    days = {day: "".join(f"Mesa {day} {n},{'AB'[n % 2]},{day}\n" for n in range(20)) for day in dates}
    for name, lines in [*days.items(), ("all", "".join(days.values()))]:
        (place / f"of-{name}.csv").write_text(f"title,category,day\n{lines}", encoding="utf-8")

    def rows(day: str, *options: str) -> int:
        [step] = document("run", "ingest", "--as-of", f"2026-11-{day}", *options)["steps"]
        return int(step["summary"]["rows"])

    files, table, window = ("--source", "of-{ds}.csv"), ("--source", "of-all.csv"), ("--window-days", "2")
    assert [rows("20", *files), rows("20", *files, *window)] == [20, 40]
    dated = (*table, "--date-column", "day")
    assert [rows("19", *dated), rows("20", *dated), rows("20", *dated, *window)] == [40, 60, 40]
    assert isinstance(here("run", "ingest", *table, *window).exception, BadData)  # nothing tells its days apart


def test_predict_uses_the_champion_a_set_or_a_key(outcome: Any) -> None:
    champion = outcome["decision"]["champion"]
    answer = document("predict", "Funda Silicona Iphone 11", "Zapatillas Running 42")
    assert answer["model"] == f"champion {champion['set_name']}"
    for title in answer["titles"]:
        shares = [line["probability"] for line in title["categories"]]
        assert len(shares) == 5 and shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 1.0001
    by_key = document("predict", "Funda Silicona Iphone 11", "--model", champion["train"][:8])
    by_set = document("predict", "Funda Silicona Iphone 11", "--set", champion["set_name"])
    assert by_key["titles"] == by_set["titles"] == answer["titles"][:1]


def test_predict_shows_a_table_and_notes_what_it_cannot_know(outcome: Any) -> None:
    result = here("predict", "Funda Silicona Iphone 11", "📱📱")
    assert result.exit_code == 0
    assert result.stdout.count("%") == 5
    assert "📱📱\nNo known word: " in result.stdout
    known, unknown = document("predict", "Funda Silicona Iphone 11", "📱📱")["titles"]
    assert (known["known"], len(known["categories"])) == (True, 5)
    assert unknown == {"title": "📱📱", "known": False, "categories": []}
    for title in ("", "   ", "x" * 100_000):
        assert isinstance(here("predict", title).exception, BadData)


def test_predict_names_the_models_it_cannot_find(outcome: Any) -> None:
    assert isinstance(here("predict", "a", "--model", "00000000").exception, NotFound)
    assert isinstance(here("predict", "a", "--model", "ab").exception, BadHyperparameters)
    assert isinstance(here("predict", "a", "--set", "no_such_set").exception, BadHyperparameters)
    assert isinstance(here("predict", "a", "--set", "cnn_1").exception, NotFound)


def test_predict_a_file_equals_predicting_its_titles(outcome: Any, place: Path) -> None:
    report = document("predict", "--input", "titles.csv", "--output", "predicted.csv.gz")
    assert report["rows"] == report["classified"] + report["unknown_rows"] == 1200
    assert report["renamed"] == {"category": "given_category"}
    assert here("predict", "--input", "predicted.csv.gz", "--output", "again.jsonl").exit_code == 0
    rows = [json.loads(line) for line in (place / "again.jsonl").read_text().splitlines()]
    [single] = document("predict", rows[700]["title"])["titles"]
    assert rows[700]["category"] == single["categories"][0]["category"]
    assert rows[700]["probability"] == pytest.approx(single["categories"][0]["probability"], abs=1e-4)
    right = sum(row["given_given_category"] == row["category"] for row in rows)
    assert right > 1200 * 0.2  # columns are not mixed up: far above chance


def test_predict_a_file_without_a_usable_title_fails(outcome: Any, place: Path) -> None:
    (place / "empty.csv").write_text("title,n\n,1\n \t,2\n")
    result = here("predict", "--input", "empty.csv", "--output", "nothing.csv", "--json")
    assert str(result.exception) == (
        "No row of empty.csv could be classified (no title: 2, lines 2, 3). "
        "nothing.csv was written nevertheless; the category is empty in all of its 2 rows."
    )
    assert json.loads(result.stdout)["bad_lines"] == {"no title": [2, 3]}
    assert len((place / "nothing.csv").read_text().splitlines()) == 3


def test_the_champion_is_described_now_and_on_a_date(outcome: Any) -> None:
    card = document("champion")
    assert card["set_name"] == outcome["decision"]["champion"]["set_name"]
    assert card["decision"]["action"] == "promote"
    assert (card["set_name"], card["params"]["max_members"]) == ("ensemble", 4)
    assert document("champion", "--on", f"{datetime.now(UTC):%Y-%m-%d}")["train"] == card["train"]
    assert card["train"] in here("champion").stdout
    error = here("champion", "--on", "2020-01-01").exception
    assert isinstance(error, NotFound) and "2020-01-01" in str(error)


def test_runs_lists_runs_leaderboard_and_decisions(outcome: Any) -> None:
    history = document("runs", "--limit", "50")
    mine = next(item for item in history["runs"] if item["run_id"] == outcome["run_id"])
    assert mine["best"] in mine["models"] and mine["source"] == "titles.csv"
    assert history["decisions"][-1]["action"] == "promote"
    result = here("runs", "--limit", "1").stdout
    assert "leaderboard of" in result and "decisions, newest first" in result


def test_rollback_asks_for_confirmation_and_reports_a_missing_predecessor(outcome: Any) -> None:
    assert here("rollback").exit_code == 2  # no terminal to ask on
    assert isinstance(here("rollback", "--yes").exception, NotFound)


def test_rollback_restores_the_previous_champion(outcome: Any, place: Path) -> None:
    from meli_tasks.ledger import Ledger
    from meli_tasks.settings import Settings

    ledger = Ledger(Settings.from_environment().open_store())
    before = ledger.champion()
    last = ledger.last()
    assert before is not None and last is not None
    other = before.model_copy(update={"train": "0" * 32, "set_name": "other"})
    ledger.append(last.number, action="promote", champion=other, reason="a test", by="tests")
    decision = document("rollback", "--yes", "--reason", "it was worse")
    assert decision["champion"]["train"] == before.train
    assert decision["reason"] == "it was worse"
    assert document("champion")["train"] == before.train


def test_an_empty_store_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MELI_STORE", (tmp_path / "empty").as_uri())
    assert "meli run all" in str(here("champion").exception)
    assert "meli run all" in str(here("predict", "Funda").exception)
    assert "meli run all" in here("runs").stdout


ASK = ("--promotion", "approval", "--param", "min_gain=0", "--param", "min_probability=0.5")
SMALL = ("all", "--sets", "quick_mlp", *QUICK[2:], "--json")


def weak(place: Path) -> tuple[str, ...]:
    """Options of a run with a store of its own, in which a weak model is champion."""
    assert here("run", *SMALL, "--override", "train.epochs=1", "--no-promote").exit_code == 0
    return ("run", *SMALL, "--override", "train.epochs=1", *ASK)


def test_without_a_terminal_the_champion_stays_and_the_command_says_how_to_promote_it(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MELI_STORE", (place / "asked").as_uri())
    result = here(*weak(place))
    assert result.exit_code == 0, result.output
    decision = json.loads(result.stdout)["decision"]
    assert (decision["action"], decision["champion"], decision["approval"]) == ("keep", None, None)
    assert "No model becomes champion, because no approval could be requested." in decision["reason"]
    assert "note: Promote quick_mlp as the first champion? There is no terminal to ask" in result.stderr
    [model] = re.findall(r'meli promote (\S+) --reason "WHY"', result.stderr)
    assert (
        document("promote", model, "--yes", "--reason", "approved in the review")["champion"]["set_name"] == "quick_mlp"
    )


def test_yes_approves_in_the_name_of_the_user(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MELI_STORE", (place / "approved").as_uri())
    decision = json.loads(here(*weak(place), "--yes").stdout)["decision"]
    assert (decision["action"], decision["champion"]["set_name"]) == ("promote", "quick_mlp")
    approval = decision["approval"]
    assert (approval["by"], approval["approved"], approval["reason"]) == (getpass.getuser(), True, "--yes")


def test_a_person_at_a_terminal_sees_the_evidence_and_answers(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MELI_STORE", (place / "seen").as_uri())
    code, output = in_a_terminal(*weak(place), typed="n\nnot today\n", COLUMNS="80")
    assert code == 0, output
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", output)
    assert "Promote quick_mlp as the first champion?" in plain
    assert re.search(r"balanced accuracy +0\.\d{4}", plain)
    assert max(map(len, re.split(r"[\n\r]", plain.partition("{")[0]))) <= 80
    assert re.search(r"Rejected by \S+ \(not today\)", plain)
