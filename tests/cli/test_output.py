"""What the commands print: one JSON document or lines for people, in 80 columns, and nothing a terminal would obey."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from meli_tasks.backfill.report import BackfillReport, DateReport, Score
from meli_tasks.cli import backfill, console, predict, run_report
from meli_tasks.store import open_store
from meli_tasks.wording import printable
from tests.cli.program import here, in_a_terminal, log_restored, meli
from tests.pages.published import evaluate, promote
from tests.past_run import PastRun
from tests.test_terminal import HOSTILE, NAMES, STYLES

RUN = "scheduled__2026-11-20T03:00:00+00:00"
STYLES_AND_CURSOR = re.compile(r"\x1b\[[\d;]*m|\x1b\[\?25[hl]|\x1b\[2K|\x1b\[1A|\r")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PastRun:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MELI_STORE", f"file://{tmp_path}/store")
    store = open_store(f"file://{tmp_path}/store")
    past = PastRun(store, run_id=RUN, accuracies={name: 0.94 for name in NAMES[:3]})
    evaluate(past, **{NAMES[3]: ("k" * 32, 0.91)})
    promote(past, NAMES[0])
    return past


def assert_harmless(text: str) -> None:
    plain = STYLES_AND_CURSOR.sub("", text)
    assert printable(plain) == plain


@pytest.mark.parametrize("command", ["runs", "sets", "champion"])
def test_at_80_columns_names_are_whole_and_lines_fit(run: PastRun, command: str) -> None:
    code, text = in_a_terminal(command)
    plain = STYLES.sub("", text)
    assert code == 0
    assert "…" not in plain
    assert max(map(len, plain.splitlines())) <= 80
    sets = ["cnn_semi_freeze_corrected", "first experiments"]
    wanted = {"runs": [RUN, *NAMES], "sets": sets, "champion": [RUN, NAMES[0]]}
    for name in wanted[command]:
        assert name in plain


def test_the_help_breaks_no_word_at_80_columns(run: PastRun) -> None:
    _, text = in_a_terminal("run", "--help")
    plain = STYLES.sub("", text)
    for stage in ("ingest", "preprocess", "embed", "train", "ensemble", "evaluate", "promote", "all"):
        assert re.search(rf"[ <]{stage}[ >]", plain), stage


def test_a_report_of_many_sets_keeps_their_names(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setattr(console, "_width", lambda terminal: 80)
    scores = {name: Score(0.94, (0.93, 0.95)) for name in NAMES}
    days = tuple(DateReport(f"2026-11-0{day}", RUN, "", "computed", scores=scores) for day in (1, 2))
    backfill._conclude(BackfillReport("id", "now", "success", days, 1, 0, 1.0, ""))
    text = capsys.readouterr().out
    assert all(name in text for name in NAMES)
    assert "…" not in text


@pytest.mark.parametrize("as_json", [False, True])
def test_names_from_data_cannot_act_on_the_terminal(run: PastRun, as_json: bool) -> None:
    evil = PastRun(run.store, run_id=HOSTILE, accuracies={HOSTILE: 0.97}, seed=1)
    evaluate(evil)
    promote(evil, HOSTILE, expected_last=1)
    run.store.write("plans/\u202egnp.exe/0123456789ab.json", b"")
    for command in ("runs", "champion"):
        _, text = in_a_terminal(command, *(["--json"] if as_json else []))
        assert_harmless(text)
        assert ("\\u001b]8" if as_json else r"\x1b]8") in text
    if as_json:
        assert json.loads(meli("champion", "--json", cwd=Path.cwd()).stdout)["set_name"] == HOSTILE


def test_categories_and_titles_cannot_act_on_the_terminal(monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    class Classifier:
        categories = (HOSTILE,)

        def rank(self, titles: list[str], top: int) -> tuple[Any, Any]:
            return np.zeros((len(titles), 1), int), np.ones((len(titles), 1), np.float32)

        def known(self, titles: list[str]) -> Any:
            return np.array(["funda" in title for title in titles])

    monkeypatch.setattr(predict, "_classifier", lambda key, set_name, **_: (f"champion {HOSTILE}", Classifier()))
    for arguments in (["predict", "funda", HOSTILE], ["predict", "funda", HOSTILE, "--json"]):
        result = here(*arguments)
        assert result.exit_code == 0, result.output
        assert_harmless(result.output)
    assert json.loads(here("predict", "funda", "--json").stdout)["titles"][0]["categories"][0]["category"] == HOSTILE


def test_messages_and_log_lines_cannot_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    console.complain(HOSTILE)
    console.warn(HOSTILE)
    console.echo(HOSTILE)
    with log_restored():
        console.log_to_stderr(verbose=True)
        logging.getLogger("meli_tasks").info("category %s", HOSTILE)
        logging.getLogger("another.library").warning("%s", HOSTILE)
    captured = capsys.readouterr()
    assert_harmless(captured.out + captured.err)
    assert captured.err.count(r"\x1b]8;;http://evil.example") == 4
    report = run_report.Report(quiet=False)
    report.started("ingest", f"[red]{HOSTILE}")
    assert_harmless(run_report._unmarked(report._running))


def test_yaml_of_a_set_with_odd_characters_is_the_same_set(run: PastRun) -> None:
    import yaml

    text = yaml.safe_dump({"title": HOSTILE, "train": {"architecture": "mlp"}}, allow_unicode=True)
    run.store.write("sets/odd.yaml", text.encode())
    result = here("sets", "odd", "--yaml")
    assert result.exit_code == 0, result.output
    assert_harmless(result.stdout)
    assert yaml.safe_load(result.stdout)["title"] == HOSTILE
    for arguments in (["sets"], ["sets", "odd"], ["sets", "odd", "--json"]):
        assert_harmless(here(*arguments).output)


@pytest.mark.parametrize(
    "arguments",
    [
        ["sets", "mlp", "--yaml", "--json"],
        ["sets", "mlp", "--yaml", "--remove"],
        ["backfill", "--list", "--cancel", "id"],
        ["predict", "a", "--model", "abcdef", "--set", "mlp"],
    ],
)
def test_options_that_exclude_each_other_are_refused(run: PastRun, arguments: list[str]) -> None:
    result = here(*arguments)
    assert result.exit_code == 2
    assert not result.stdout


def test_a_prompt_is_no_part_of_the_json(run: PastRun) -> None:
    promote(run, NAMES[1], expected_last=1)
    done = meli("rollback", "--json", cwd=Path.cwd())
    assert (done.returncode, done.stdout) == (2, "")
    code, text = in_a_terminal("rollback", "--json", typed="n\n")
    assert code == 1
    assert "Restore the previous one?" in text
    assert "Nothing was changed" in text


def test_the_prompt_goes_to_stderr(monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    prompted: list[bool] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr(typer, "confirm", lambda question, err: not prompted.append(err))
    assert console.confirm("Run?")
    assert prompted == [True]
