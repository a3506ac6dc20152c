"""`meli card`: whose card is printed, and what is stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.core.errors import BadHyperparameters, NotFound
from meli_tasks.report import load_card
from meli_tasks.store import open_store
from tests.cli.program import document, here
from tests.pages.published import evaluate, promote
from tests.past_run import PastRun


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PastRun:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MELI_STORE", f"file://{tmp_path}/store")
    found = PastRun(open_store(f"file://{tmp_path}/store"))
    evaluate(found)
    return found


def test_without_a_model_it_is_the_champions(run: PastRun) -> None:
    promote(run, "cnn")
    result = here("card")
    assert result.exit_code == 0, result.output
    assert "# Model card of cnn" in result.stdout
    assert "it is better" in result.stdout
    assert load_card(run.store, run.trainings["cnn"].ref) == result.stdout


def test_another_model_is_named_by_the_beginning_of_its_key(run: PastRun, tmp_path: Path) -> None:
    promote(run, "cnn")
    found = document("card", run.models["mlp"][:8], "--output", "card.md")
    assert found["model"] == str(run.trainings["mlp"].ref)
    assert "# Model card of mlp" in found["card"]
    assert (tmp_path / "card.md").read_text(encoding="utf-8") == found["card"]


def test_a_stored_card_is_printed_and_fresh_makes_it_again(run: PastRun) -> None:
    promote(run, "cnn")
    name = paths.card(str(run.trainings["cnn"].ref))
    run.store.write(name, b"stored\n")
    assert here("card").stdout == "stored\n"
    assert "# Model card of cnn" in here("card", "--fresh").stdout
    assert load_card(run.store, run.trainings["cnn"].ref) != "stored\n"


def test_a_model_or_champion_that_does_not_exist_is_refused(run: PastRun) -> None:
    for arguments, kind, message in (
        ((), NotFound, "There is no champion"),
        (("ffffffff",), NotFound, "has a key that begins with ffffffff"),
        (("f",), BadHyperparameters, "too short"),
    ):
        result = here("card", *arguments)
        assert isinstance(result.exception, kind)
        assert message in str(result.exception)
