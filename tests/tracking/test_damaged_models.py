"""The registry without MLflow: what the ledger does alone, and if a model is damaged or gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.store import Store
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.registry import Registry
from tests.past_run import PastRun
from tests.tracking.promotions import decide, past_run, spoil


def test_a_task_retried_after_a_conflict_finds_what_it_decided(file_store: Store, tmp_path: Path) -> None:
    quick, slow = past_run(file_store, tmp_path), past_run(file_store, tmp_path)
    registry = Registry(file_store, Tracking("", file_store))
    stale, evaluated = slow.evaluation(), quick.evaluation()
    registry.apply(quick.plan, evaluated, quick.promotion(evaluated, "mlp"))
    fresh = slow.evaluation("champion", champion_model=(quick.models["mlp"], 0.94)).model_copy(update={"ledger": 1})
    decided = registry.apply(slow.plan, fresh, slow.promotion(fresh, "mlp"))
    # It died before it could say so: Airflow gives its next try the evaluation from before the conflict.
    assert registry.apply(slow.plan, stale, slow.promotion(stale, "mlp")) == decided
    assert len(registry.ledger.decisions()) == 2


@pytest.mark.parametrize("damage", ["shorter", "as long", "missing"])
def test_a_damaged_model_is_not_promoted(damage: str, file_store: Store, tmp_path: Path) -> None:
    registry = Registry(file_store, Tracking("", file_store))
    run = past_run(file_store, tmp_path)
    evaluated = run.evaluation()
    spoil(file_store, run.trainings["mlp"].file_name("model.safetensors"), damage)
    with pytest.raises((BadData, NotFound), match=r"model\.safetensors"):
        registry.apply(run.plan, evaluated, run.promotion(evaluated, "mlp"))
    assert registry.ledger.decisions() == []


@pytest.mark.parametrize("damage", ["shorter", "as long", "missing", "manifest"])
def test_a_rollback_to_a_model_that_is_gone_changes_nothing_and_offers_others(
    damage: str, file_store: Store, tmp_path: Path
) -> None:
    registry = Registry(file_store, Tracking("", file_store))
    runs = [past_run(file_store, tmp_path) for _ in range(3)]
    for ledger, run in enumerate(runs):
        evaluated = run.evaluation().model_copy(update={"ledger": ledger})
        registry.apply(run.plan, evaluated, run.promotion(evaluated, "mlp"))
    gone = runs[1].trainings["mlp"]
    if damage == "manifest":
        file_store.delete(gone.name)
    else:
        spoil(file_store, gone.file_name("model.safetensors"), damage)
    with pytest.raises(
        NotFound, match=rf"mlp \({gone.key[:8]}\) cannot become champion again: .*Nothing was changed"
    ) as raised:
        registry.rollback("ana")
    today = registry.ledger.decision(1).at
    assert f"These can be restored: `meli rollback --to 1` (mlp, promoted on {today:%Y-%m-%d})." in str(raised.value)
    file_store.delete(runs[0].trainings["mlp"].name)
    with pytest.raises(NotFound, match="No other earlier champion is in the store"):
        registry.rollback("ana", to=2)
    assert [decision.action for decision in registry.ledger.decisions()] == ["promote"] * 3


def test_a_model_that_does_not_answer_is_not_restored(file_store: Store, tmp_path: Path) -> None:
    """Its files are those that the manifest describes, but no model."""
    registry = Registry(file_store, Tracking("", file_store))
    first, second = PastRun(file_store, "manual__1", seed=1), past_run(file_store, tmp_path)
    decide(registry, first, "mlp")
    decide(registry, second, "mlp")
    with pytest.raises(NotFound, match=r"attempt1/ cannot be loaded: .* does not fit model\.json"):
        registry.rollback("ana")
    assert len(registry.ledger.decisions()) == 2


def test_without_mlflow_the_ledger_works_alone(file_store: Store, tmp_path: Path) -> None:
    run = past_run(file_store, tmp_path)
    registry = Registry(file_store, Tracking("", file_store))
    evaluated = run.evaluation()
    assert registry.apply(run.plan, evaluated, run.promotion(evaluated, "cnn")).action == "promote"
    assert registry.sync() == registry.sync()
    champion = registry.champion()
    assert champion is not None
    assert champion.set_name == "cnn"
