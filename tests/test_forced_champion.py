"""`force` on a real pipeline: what it gives is a candidate like any other, and the champion stays what was promoted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from meli_tasks.artifacts.manifest import find_model
from meli_tasks.core.hyperparameters import Train
from meli_tasks.ledger import Ledger
from meli_tasks.pages import Pages, RunFilter
from meli_tasks.pipeline import Pipeline
from meli_tasks.planning.evaluation import Evaluated
from meli_tasks.prediction import models as prediction
from meli_tasks.promotion import PromotionOutcome
from meli_tasks.settings import Settings
from meli_tasks.stages import train
from meli_tasks.stages.hooks import Hooks
from meli_tasks.stages.summaries import TrainSummary
from tests.rewriting import stored_json

SMALL: dict[str, Any] = {"source": "sample:rows=1500,seed=4", "sets": ["quick_mlp"], "ensemble": False}
TITLE = "celular samsung galaxy 64gb"
train_stage = train.run


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(store=f"file://{tmp_path}/store", cache=tmp_path / "cache", sets="quick_mlp")


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """By how much the weights of the last layer are multiplied: what another device does to them, but more."""
    factors = [1.0]

    def stage(inputs: Mapping[str, Path], out: Path, params: Train, hooks: Hooks) -> TrainSummary:
        summary = train_stage(inputs, out, params, hooks)
        tensors = load_file(out / "model.safetensors")
        if factors[-1] != 1.0:
            tensors["out.weight"] = (tensors["out.weight"] * factors[-1]).astype(np.float32)
            save_file(tensors, out / "model.safetensors")
        return summary

    monkeypatch.setattr(train, "run", stage)
    return factors


def run(settings: Settings, run_id: str, **params: Any) -> tuple[Evaluated, PromotionOutcome]:
    pipeline = Pipeline(settings, run_id)
    plan, _ = pipeline.plan({**SMALL, **params}, None)
    pipeline.ingest(plan)
    pipeline.preprocess(plan, 0)
    pipeline.embed(plan, 0)
    pipeline.train(plan, "quick_mlp")
    evaluated = pipeline.evaluate(plan, ["quick_mlp"], [])
    return evaluated, pipeline.promote(plan, pipeline.decide(plan, evaluated))


def probability(settings: Settings) -> float:
    """What `meli predict` answers with the champion."""
    store = settings.open_store()
    classifier = prediction.load(settings, store, prediction.find_model(store))
    return float(classifier.rank([TITLE], 1)[1][0, 0])


def test_a_forced_attempt_that_differs_is_a_candidate_and_the_champion_answers_as_before(
    settings: Settings, weights: list[float]
) -> None:
    evaluated, decision = run(settings, "first")
    champion, before = decision.champion, probability(settings)
    assert champion is not None and champion.sha256
    weights.append(-1.0)  # it ranks the categories the other way round
    forced, kept = run(settings, "forced", force=True)
    assert forced.champion == "quick_mlp (champion)"
    assert set(forced.models) == {"quick_mlp", "quick_mlp (champion)"}
    assert len(set(forced.models.values())) == 1  # one key
    assert forced.attempts["quick_mlp (champion)"] == champion.sha256 != forced.attempts["quick_mlp"]
    assert forced.key != evaluated.key
    assert (kept.action, kept.champion) == ("keep", champion)
    assert "quick_mlp (champion) stays champion" in kept.reason
    assert probability(settings) == before
    scores = Pipeline(settings).scores(forced.key)
    assert scores["quick_mlp"].balanced_accuracy < scores["quick_mlp (champion)"].balanced_accuracy


def test_a_better_attempt_of_the_champions_key_is_promoted_and_can_be_rolled_back(
    settings: Settings, weights: list[float]
) -> None:
    weights.append(-1.0)
    _, worse = run(settings, "first")
    assert worse.champion is not None
    before = probability(settings)
    weights.append(1.0)
    _, better = run(settings, "forced", force=True)
    assert better.action == "promote" and better.champion is not None
    assert better.champion.train == worse.champion.train
    assert better.champion.sha256 != worse.champion.sha256
    after = probability(settings)
    assert after != before
    pipeline = Pipeline(settings)
    back = Ledger(pipeline.store).rollback("ana")
    assert back.champion == worse.champion
    assert probability(settings) == before
    board = Pages(pipeline.store).models(RunFilter())
    assert board.champion is not None and board.champion.sha256 == worse.champion.sha256
    assert [(row.run_id, row.set) for row in board.rows if row.champion] == [("forced", "quick_mlp (champion)")]
    assert board.champion.current is not None
    assert board.champion.current.balanced_accuracy == worse.champion.balanced_accuracy


def test_a_forced_run_with_the_same_bytes_changes_nothing(settings: Settings, weights: list[float]) -> None:
    evaluated, decision = run(settings, "first")
    again, kept = run(settings, "again", force=True)
    assert again.models == evaluated.models
    assert again.attempts == evaluated.attempts
    assert (again.key, again.champion) == (evaluated.key, "quick_mlp")
    assert (kept.action, kept.champion) == ("keep", decision.champion)


def test_a_night_after_a_forced_training_judges_its_attempt(settings: Settings, weights: list[float]) -> None:
    run(settings, "first")
    pipeline = Pipeline(settings, "night")
    _, found = pipeline.plan(SMALL, None)
    assert found.nothing_new
    weights.append(-1.0)
    forced = Pipeline(settings, "by hand")
    plan, _ = forced.plan({**SMALL, "force": True}, None)
    forced.train(plan, "quick_mlp")  # `meli run train --force`, which evaluates nothing
    _, found = pipeline.plan(SMALL, None)
    assert (found.computed, found.nothing_new) == (0, "")
    _, decision = run(settings, "night")
    assert decision.action == "keep"
    _, found = Pipeline(settings, "next night").plan(SMALL, None)
    assert "decision 2 of" in found.nothing_new


def test_a_run_that_is_cleared_writes_no_second_decision(settings: Settings, weights: list[float]) -> None:
    _, first = run(settings, "first")
    for _ in range(2):
        _, again = run(settings, "first")  # a promotion is repeated as what it was
        assert (again.number, again.action) == (first.number, "promote")
    _, kept = run(settings, "second")
    assert (kept.number, kept.action) == (2, "keep")
    _, again = run(settings, "second")
    assert again.number == 2
    _, again = run(settings, "first")
    assert again.number == 1  # nothing has changed since, although another run decided the same
    assert len(Ledger(settings.open_store()).decisions()) == 2


def test_a_cleared_run_decides_again_if_the_champion_changed(settings: Settings, weights: list[float]) -> None:
    weights.append(-1.0)
    run(settings, "first")
    weights.append(1.0)
    _, better = run(settings, "forced", force=True)
    assert better.number == 2
    Ledger(settings.open_store()).rollback("ana")
    _, again = run(settings, "second")
    assert (again.number, again.action) == (4, "promote")


def test_the_champion_of_a_store_without_digests_is_completed_by_the_first_decision(
    settings: Settings, weights: list[float]
) -> None:
    run(settings, "first")
    store = settings.open_store()
    name = "ledger/00000001.json"
    found = find_model(store, Ledger(store).champion().train)  # type: ignore[union-attr]
    assert found is not None
    before = json.dumps(stored_json(store, name)).replace(found.model_sha256, "")
    store.write(name, before.encode())  # as 0.1.0 wrote it
    assert Ledger(store).champion().sha256 == ""  # type: ignore[union-attr]
    _, kept = run(settings, "second")
    assert kept.number == 2
    assert kept.champion is not None and kept.champion.sha256 == found.model_sha256
