"""`meli champion`, `meli rollback` and `meli predict` against a ledger with a history."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from meli_tasks import ledger as ledger_module
from meli_tasks.artifacts import paths
from meli_tasks.core.errors import BadHyperparameters, NotFound, Unreachable
from meli_tasks.decision import Champion, Decision
from meli_tasks.ledger import Ledger
from meli_tasks.store import Store
from meli_tasks.tracking.registry import Registry
from tests.cli.program import document, here
from tests.decided import keep
from tests.past_run import PastRun

Clock = Callable[[datetime], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file_store: Store) -> Clock:
    """Sets the ledger's clock. The settings are those of the store."""
    monkeypatch.setenv("MELI_STORE", file_store.url)
    monkeypatch.setenv("MELI_CACHE", str(tmp_path / "cache"))
    return lambda moment: monkeypatch.setattr(ledger_module, "now", lambda: moment)


def promote(ledger: Ledger, run: PastRun, name: str) -> None:
    last = ledger.last()
    champion = Champion(
        train=run.models[name],
        set_name=name,
        balanced_accuracy=0.9,
        interval=(0.8, 0.95),
        sha256=run.trainings[name].model_sha256,
    )
    ledger.append(
        last.number if last else 0, action="promote", champion=champion, reason=f"{name} is better", by="a run"
    )


@pytest.fixture
def history(file_store: Store, clock: Clock) -> PastRun:
    """The 4th at noon: mlp; the 5th at noon: cnn; at 18:00 back to mlp; the 6th at noon: cnn again; at 13:00 kept."""
    run, ledger = PastRun(file_store), Ledger(file_store)
    for day, hour, name in ((4, 12, "mlp"), (5, 12, "cnn")):
        clock(datetime(2026, 11, day, hour, tzinfo=UTC))
        promote(ledger, run, name)
    clock(datetime(2026, 11, 5, 18, tzinfo=UTC))
    ledger.rollback("ana")
    clock(datetime(2026, 11, 6, 12, tzinfo=UTC))
    promote(ledger, run, "cnn")
    clock(datetime(2026, 11, 6, 13, tzinfo=UTC))
    keep(ledger)
    return run


@pytest.mark.parametrize(
    ("on", "name", "number"),
    [
        ("2026-11-05", "mlp", 3),  # the end of the day
        ("20261105", "mlp", 3),
        ("2026-11-05T00:00", "mlp", 1),  # midnight is a time
        ("2026-11-05T00:00:00", "mlp", 1),
        ("2026-11-05T00:00:00+00:00", "mlp", 1),
        ("2026-11-05T12:00", "cnn", 2),
        ("2026-11-05T11:59:59.999", "mlp", 1),
        ("2026-11-05 12:00:00Z", "cnn", 2),
        ("2026-11-05T09:00-03:00", "cnn", 2),
        ("2026-11-05T08:59-03:00", "mlp", 1),
        ("2026-11-05T00:00-03:00", "mlp", 1),
        ("2026-11-06T00:00", "mlp", 3),
        ("2026-11-06T02:59+09:00", "cnn", 2),
        ("2026-11-06", "cnn", 4),  # kept since
        ("2030-01-01", "cnn", 4),
    ],
)
def test_the_champion_of_a_moment_is_shown_with_the_decision_that_made_it(
    history: PastRun, on: str, name: str, number: int
) -> None:
    found = document("champion", "--on", on)
    assert (found["set_name"], found["decision"]["number"]) == (name, number)
    assert found["sha256"] == history.trainings[name].model_sha256
    assert f"decision {number}" in here("champion", "--on", on).output


def test_before_the_first_decision_there_was_no_champion(history: PastRun) -> None:
    for on in ("2026-11-03", "2026-11-04T00:00", "2026-11-04T11:59"):
        result = here("champion", "--on", on)
        assert isinstance(result.exception, NotFound)
        assert f"There was no champion on {on[:10]}" in str(result.exception)


@pytest.mark.parametrize("on", ["yesterday", "2026-11-31", "2026-11-05T25:00", "05/11/2026", "", "2026-11"])
def test_what_is_no_date_is_refused(history: PastRun, on: str) -> None:
    result = here("champion", "--on", on)
    assert result.exit_code == 2
    assert "is neither a date" in result.output


def test_a_prediction_can_name_an_attempt(history: PastRun, file_store: Store, tmp_path: Path) -> None:
    history.with_real_model("mlp", tmp_path / "model")
    model = history.trainings["mlp"]
    for digest in (model.model_sha256, model.model_sha256[:8]):
        found = document("predict", "perfume", "--model", f"{model.key}@{digest}")
        assert found["model"] == f"model {model.key[:8]}@{digest[:8]}"
        assert found["titles"][0]["categories"][0]["category"] == "PERFUMES"
    missing = here("predict", "perfume", "--model", f"{model.key[:8]}@0123456789")
    assert isinstance(missing.exception, NotFound)
    assert f"has no attempt 0123456789. It has {model.key[:8]}@{model.model_sha256[:12]}" in str(missing.exception)
    short = here("predict", "perfume", "--model", "ab@0123456789")
    assert isinstance(short.exception, BadHyperparameters)


def check(name: str) -> dict[str, str]:
    checks: list[dict[str, str]] = json.loads(here("doctor", "--json").output)["checks"]
    return next(line for line in checks if line["name"] == name)


def test_doctor_loads_the_champion_from_the_store(clock: Clock, file_store: Store, tmp_path: Path) -> None:
    found = check("champion")
    assert (found["state"], found["observed"]) == ("skipped", "there is no champion yet")
    run = PastRun(file_store)
    run.with_real_model("mlp", tmp_path / "model")
    clock(datetime(2026, 11, 4, tzinfo=UTC))
    promote(Ledger(file_store), run, "mlp")
    trained = run.trainings["mlp"]
    found = check("champion")
    assert found["state"] == "ok"
    assert f"mlp ({trained.key[:8]}, sha256 {trained.model_sha256[:12]}) is whole" in found["observed"]
    assert check("champion: mlflow")["state"] == "skipped"
    whole = file_store.read(trained.file_name("model.safetensors"))
    assert whole is not None
    file_store.write(trained.file_name("model.safetensors"), whole.data[:-1] + b"x")
    found = check("champion")
    assert (found["state"], "differs from its manifest" in found["observed"]) == ("failed", True)
    file_store.delete(trained.name)
    found = check("champion")
    assert (found["state"], "meli rollback" in found["advice"]) == ("failed", True)
    assert "The model of champion mlp" in found["observed"]


def test_a_champion_whose_attempt_is_gone_answers_nothing(history: PastRun, file_store: Store, tmp_path: Path) -> None:
    history.with_real_model("cnn", tmp_path / "model")  # other bytes at the champion's key, by hand
    for arguments in (("predict", "perfume"),):
        result = here(*arguments)
        assert isinstance(result.exception, NotFound)
        assert "The model of champion cnn is not there" in str(result.exception)
    shown = here("champion")
    assert shown.exit_code == 0
    assert "note: The model of champion cnn is not there" in shown.output


def test_doctor_names_a_decision_that_is_damaged_or_missing(history: PastRun, file_store: Store) -> None:
    assert check("ledger")["state"] == "ok"
    file_store.delete(paths.decision(2))
    found = check("ledger")
    assert (found["state"], found["observed"]) == ("failed", f"{paths.decision(2)}: it is missing")
    assert "`meli verify ledger --repair`" in found["advice"]
    assert here("verify", "ledger", "--repair").exit_code == 0
    assert check("ledger")["state"] == "ok"


def test_a_rollback_whose_answer_was_lost_is_repeated_once(
    history: PastRun, file_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Ledger(file_store).last()
    assert before is not None

    def lost(self: Registry, *args: Any, **options: Any) -> Decision:
        self.ledger.rollback(*args, **options)
        raise Unreachable("The answer was lost.")

    with monkeypatch.context() as patch:
        patch.setattr(Registry, "rollback", lost)
        failed = here("rollback", "--yes")
    assert isinstance(failed.exception, Unreachable)
    again = re.search(r"`meli (rollback --request \w+)` tries again", str(failed.exception))
    assert again is not None
    monkeypatch.setattr(Registry, "rollback", lambda self, *args, **options: self.ledger.rollback(*args, **options))
    assert here(*again[1].split(), "--yes").exit_code == 0
    after = Ledger(file_store).last()
    assert after is not None
    assert after.number == before.number + 1
