"""`meli promote`: asks, promotes what a run has evaluated, and says what it did."""

from __future__ import annotations

from pathlib import Path

import pytest

from meli_tasks.core.errors import Conflict, NotFound
from meli_tasks.ledger import Ledger
from meli_tasks.store import Store
from tests.cli.program import document, here, in_a_terminal
from tests.pages.published import evaluate, promote
from tests.past_run import PastRun


@pytest.fixture
def run(file_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PastRun:
    monkeypatch.setenv("MELI_STORE", file_store.url)
    monkeypatch.setenv("MELI_CACHE", str(tmp_path / "cache"))
    run = PastRun(file_store)
    run.with_real_models(tmp_path / "models")
    evaluate(run)
    promote(run, "mlp")
    return run


def in_force(run: PastRun) -> str:
    champion = Ledger(run.store).champion()
    assert champion is not None
    return champion.set_name


def test_the_beginning_of_a_key_names_the_model(run: PastRun) -> None:
    found = document("promote", run.models["cnn"][:8], "--reason", "we need it", "--yes")
    assert (found["number"], found["action"], found["reason"]) == (2, "promote", "we need it")
    assert in_force(run) == "cnn"


def test_it_says_what_it_did(run: PastRun) -> None:
    model = f"{run.plan.name.removeprefix('plans/').removesuffix('.json')}/cnn"
    result = here("promote", model, "--reason", "we need it", "--yes")
    assert f"The champion is cnn ({run.models['cnn'][:8]}): decision 2, we need it." in result.output


@pytest.mark.parametrize(("typed", "champion", "code"), [("n\n", "mlp", 1), ("y\n", "cnn", 0)])
def test_it_asks_first(typed: str, champion: str, code: int, run: PastRun) -> None:
    found, text = in_a_terminal("promote", run.models["cnn"], "--reason", "we need it", typed=typed)
    assert found == code, text
    question = " ".join(text.split())
    assert f"The champion is mlp ({run.models['mlp'][:8]}). Promote cnn ({run.models['cnn'][:8]})" in question
    assert "balanced accuracy 0.9200 in the run scheduled__2026-11-20" in question
    assert in_force(run) == champion


def test_without_a_reason_it_is_wrong_usage(run: PastRun) -> None:
    assert here("promote", run.models["cnn"], "--yes").exit_code == 2
    assert in_force(run) == "mlp"


def test_what_cannot_be_promoted_says_why(run: PastRun) -> None:
    arguments = ("--reason", "we need it", "--yes")
    assert isinstance(here("promote", "abcdef12", *arguments).exception, NotFound)
    assert isinstance(here("promote", run.models["mlp"], *arguments).exception, Conflict)
    assert in_force(run) == "mlp"
