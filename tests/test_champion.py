"""The model behind a champion: the exact attempt, also in ledgers of 0.1.0, which name a key only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from meli_tasks import ledger as ledger_module
from meli_tasks.artifacts.manifest import Manifest, Output
from meli_tasks.champion import champion_model, need_champion_model
from meli_tasks.core.errors import NotFound
from meli_tasks.decision import Champion, Decision
from meli_tasks.execution.attempts import publish, replace
from meli_tasks.ledger import Ledger
from meli_tasks.store import Store

KEY = "k" * 32
PROMOTED = datetime(2026, 11, 20, 12, tzinfo=UTC)


def attempt(name: str, at: datetime | None) -> Manifest:
    """An attempt of the model; its files' digests are made from its name."""
    outputs = {"model.safetensors": Output(f"weights of {name}", 1), "model.json": Output("description", 1)}
    return Manifest("train", KEY, {}, {}, outputs, {}, name, {"at": at.isoformat()} if at else {})


def with_files(store: Store, manifest: Manifest) -> Manifest:
    for file in manifest.outputs:
        store.write(manifest.file_name(file), b"x")
    return manifest


def promote(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, sha256: str = "") -> Decision:
    monkeypatch.setattr(ledger_module, "now", lambda: PROMOTED)
    last = ledger.last()
    found = Champion(train=KEY, set_name="mlp", balanced_accuracy=0.9, interval=(0.8, 0.95), sha256=sha256)
    return ledger.append(last.number if last else 0, action="promote", champion=found, reason="better", by="test")


def test_without_a_champion_there_is_no_model(ledger: Ledger) -> None:
    assert champion_model(ledger, None) is None
    kept = ledger.append(0, action="keep", reason="nobody is good enough", by="test")
    assert champion_model(ledger, kept) is None
    with pytest.raises(NotFound, match="no champion after decision 1"):
        need_champion_model(ledger, kept)


def test_the_promoted_attempt_is_the_champion_whatever_its_key_has_now(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish(ledger.store, attempt("first", PROMOTED))
    decision = promote(ledger, monkeypatch, first.model_sha256)
    replace(ledger.store, attempt("second", PROMOTED - timedelta(hours=1)))
    found = champion_model(ledger, decision)
    assert found is not None
    assert (found.model, found.ref, found.problem) == (first, first.ref, "")


def test_a_promoted_attempt_that_is_gone_is_a_problem_and_no_other_model(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(ledger.store, attempt("second", PROMOTED))
    decision = promote(ledger, monkeypatch, "0123456789abcdef")
    found = champion_model(ledger, decision)
    assert found is not None and found.model is None
    assert "attempt with sha256 0123456789ab is no longer there" in found.problem
    with pytest.raises(NotFound, match="model of champion mlp is not there"):
        need_champion_model(ledger, decision)


def test_a_champion_of_0_1_0_is_the_only_attempt_of_its_key(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    # The clock runs ahead. With a single attempt, it does not matter.
    only = publish(ledger.store, with_files(ledger.store, attempt("only", PROMOTED + timedelta(minutes=5))))
    found = champion_model(ledger, promote(ledger, monkeypatch))
    assert found is not None
    assert (found.model, found.champion.sha256, found.problem) == (only, only.model_sha256, "")


def test_a_champion_of_0_1_0_is_the_attempt_that_its_key_had_at_the_promotion(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish(ledger.store, with_files(ledger.store, attempt("first", PROMOTED - timedelta(hours=2))))
    second = replace(ledger.store, with_files(ledger.store, attempt("second", PROMOTED - timedelta(hours=1))))
    decision = promote(ledger, monkeypatch)
    replace(ledger.store, with_files(ledger.store, attempt("third", PROMOTED + timedelta(hours=1))))
    found = champion_model(ledger, decision)
    assert found is not None
    assert (found.model, found.champion.sha256) == (second, second.model_sha256)
    assert first.model_sha256 != second.model_sha256


def test_a_champion_of_0_1_0_whose_model_was_replaced_by_0_1_0_is_reported(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_files(ledger.store, attempt("lost", PROMOTED - timedelta(hours=1)))  # 0.1.0 kept the files without a manifest
    newest = publish(ledger.store, with_files(ledger.store, attempt("newest", PROMOTED + timedelta(hours=1))))
    found = champion_model(ledger, promote(ledger, monkeypatch))
    assert found is not None
    assert (found.model, found.champion.sha256) == (newest, "")
    assert "which attempt was promoted cannot be determined" in found.problem
    assert "2026-11-20 13:00" in found.problem


def test_the_next_decision_completes_a_champion_of_0_1_0(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    only = publish(ledger.store, with_files(ledger.store, attempt("only", PROMOTED)))
    decision = promote(ledger, monkeypatch)
    kept = ledger.append(1, action="keep", reason="no better", by="test", sha256=only.model_sha256)
    assert kept.champion is not None and decision.champion is not None
    assert (kept.champion.sha256, kept.promotion) == (only.model_sha256, 1)
    assert kept.champion.model_copy(update={"sha256": ""}) == decision.champion
    again = ledger.append(2, action="keep", reason="no better", by="test", sha256="of something else")
    assert again.champion == kept.champion


def test_a_rollback_restores_the_attempt(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two attempts of one key are two champions."""
    first = publish(ledger.store, attempt("first", PROMOTED))
    promote(ledger, monkeypatch, first.model_sha256)
    second = replace(ledger.store, attempt("second", PROMOTED))
    promote(ledger, monkeypatch, second.model_sha256)
    back = ledger.rollback("ana")
    assert back.champion is not None
    assert (back.champion.ref, back.promotion) == (first.ref, 1)
    found = champion_model(ledger, back)
    assert found is not None and found.model == first
