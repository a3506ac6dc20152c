"""Promotion by a person: what it needs, what it writes, and that runs do not take it for a decision of their own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import need
from meli_tasks.core.errors import BadHyperparameters, Conflict, NotFound
from meli_tasks.decision import Evidence
from meli_tasks.ledger import Ledger
from meli_tasks.pages import Pages
from meli_tasks.planning.evaluation import Evaluated, EvaluationReport
from meli_tasks.stages.evaluation import Figures, TestSet
from meli_tasks.store import Store
from meli_tasks.tracking.by_hand import find_evaluated, promote_by_hand
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.registry import Registry
from tests.pages.published import evaluate
from tests.past_run import PastRun
from tests.rewriting import rewrite_file, stored_json


@pytest.fixture
def registry(file_store: Store) -> Registry:
    return Registry(file_store, Tracking("", file_store))


@pytest.fixture
def run(file_store: Store, tmp_path: Path) -> PastRun:
    run = PastRun(file_store)
    run.with_real_models(tmp_path)
    return run


def id_of(run: PastRun, label: str) -> str:
    return paths.model_id(run.plan.name, label)


def by_hand(registry: Registry, model: str, expected: int = 0, reason: str = "we need it") -> None:
    found = find_evaluated(registry.store, model)
    promote_by_hand(registry, found, by="ana", reason=reason, expected=expected)


def apply(registry: Registry, run: PastRun, evaluated: Evaluated, label: str | None) -> int:
    return registry.apply(run.plan, evaluated, run.promotion(evaluated, label)).number


@pytest.mark.parametrize("name", ["id", "key", "attempt"])
def test_a_model_is_promoted_by_any_of_its_names(name: str, registry: Registry, run: PastRun) -> None:
    evaluate(run)
    ref = run.trainings["cnn"].ref
    by_hand(registry, {"id": id_of(run, "cnn"), "key": ref.key, "attempt": str(ref)}[name])
    decision = registry.ledger.decision(1)
    champion = decision.champion
    assert champion is not None
    assert (champion.ref, champion.set_name, champion.balanced_accuracy) == (ref, "cnn", run.accuracies["cnn"])
    assert (champion.run_id, champion.as_of, champion.fingerprint) == (run.run_id, "2026-11-20", "f" * 64)
    assert (decision.by, decision.reason, decision.promotion) == ("ana", "we need it", 1)


def test_the_evidence_is_the_evaluation_without_a_comparison(registry: Registry, run: PastRun) -> None:
    evaluated = evaluate(run)
    by_hand(registry, id_of(run, "cnn"))
    evidence = registry.ledger.decision(1).evidence
    assert (evidence.plan, evidence.evaluate, evidence.models) == (run.plan.name, evaluated.key, run.models)
    assert (evidence.gates, evidence.gain, evidence.probability, evidence.promote) == ((), None, None, "")
    assert {label: one.balanced_accuracy for label, one in evidence.scores.items()} == run.accuracies


def test_a_model_that_no_run_has_evaluated_is_not_promoted(registry: Registry, run: PastRun) -> None:
    for name in (id_of(run, "cnn"), run.models["cnn"]):
        with pytest.raises(NotFound, match="nothing to promote it for"):
            by_hand(registry, name)
    evaluate(run)
    with pytest.raises(NotFound, match="has not evaluated 'other'"):
        by_hand(registry, id_of(run, "other"))
    assert registry.ledger.last() is None


@pytest.mark.parametrize("gone", ["model.safetensors", "manifest"])
def test_a_model_that_is_gone_is_not_promoted_and_others_are_offered(
    gone: str, registry: Registry, run: PastRun
) -> None:
    evaluate(run)
    cnn = run.trainings["cnn"]
    run.store.delete(cnn.name if gone == "manifest" else cnn.file_name(gone))
    with pytest.raises(NotFound, match=r"cannot become champion: .*Nothing was changed") as raised:
        by_hand(registry, id_of(run, "cnn"))
    others = ", ".join(f"`meli promote {id_of(run, label)}`" for label in sorted(run.accuracies) if label != "cnn")
    assert str(raised.value).endswith(f"These of that run can be promoted: {others}.")
    assert registry.ledger.last() is None
    by_hand(registry, id_of(run, "mlp"))  # as offered
    with pytest.raises(NotFound, match="No other earlier champion is in the store"):
        by_hand(registry, id_of(run, "cnn"), expected=1)
    assert len(registry.ledger.decisions()) == 1


def test_who_decides_on_an_old_look_is_refused(registry: Registry, run: PastRun) -> None:
    evaluate(run)
    by_hand(registry, id_of(run, "cnn"))
    with pytest.raises(Conflict, match="its last decision is 1, not 0"):
        by_hand(registry, id_of(run, "mlp"), expected=0)
    with pytest.raises(Conflict, match="is the champion already"):
        by_hand(registry, id_of(run, "cnn"), expected=1)
    with pytest.raises(Conflict, match="its last decision is 1, not 5"):
        registry.rollback("ana", expected_last=5)
    assert len(registry.ledger.decisions()) == 1


@pytest.mark.parametrize("reason", ["", "  \n ", "x" * 1_001])
def test_a_reason_is_needed_and_not_a_book(reason: str, registry: Registry, run: PastRun) -> None:
    evaluate(run)
    with pytest.raises(BadHyperparameters, match="give 1 to 1,000"):
        by_hand(registry, id_of(run, "cnn"), reason=reason)
    assert registry.ledger.last() is None


def test_a_run_still_makes_its_own_decision(registry: Registry, run: PastRun) -> None:
    evaluated = evaluate(run)
    by_hand(registry, id_of(run, "mlp"))
    # Evaluated before the person decided: it is refused and has to look again, instead of taking that for its own.
    with pytest.raises(Conflict, match="its last decision is 1, not 0"):
        apply(registry, run, evaluated, "cnn")
    assert apply(registry, run, evaluated.model_copy(update={"ledger": 1}), None) == 2
    page = Pages(registry.store).run(run.plan.name)
    assert page.decision is not None
    assert (page.decision.number, page.decision.action) == (2, "keep")


def test_a_champion_that_a_later_run_evaluated_keeps_the_name_of_its_set(registry: Registry, run: PastRun) -> None:
    evaluate(run)
    by_hand(registry, id_of(run, "cnn"))
    by_hand(registry, id_of(run, "mlp"), expected=1)
    later = PastRun(run.store, "scheduled__2026-11-21", {"small": 0.9}, seed=1)
    evaluated = evaluate(later, **{"cnn (champion)": (run.models["cnn"], 0.95)})
    report = EvaluationReport.load(later.store, later.plan.name)
    assert report is not None
    report.model_copy(update={"champion": "cnn (champion)"}).save(later.store, later.plan.name)
    assert "cnn (champion)" in evaluated.models
    by_hand(registry, id_of(later, "cnn (champion)"), expected=2)
    champion = Ledger(run.store).champion()
    assert champion is not None
    assert (champion.set_name, champion.balanced_accuracy) == ("cnn", 0.95)


def test_a_person_who_picks_the_best_of_many_models_picks_a_lucky_one(registry: Registry, run: PastRun) -> None:
    """The figure of the model is shown without that, and the evaluation counts among those on these titles."""
    label = max(run.accuracies, key=lambda name: run.accuracies[name])
    best = run.accuracies[label]
    evaluated = evaluate(run)
    test = TestSet(split_titles=100, titles=100, required=0, sketch=tuple(range(100)))
    luck = np.random.default_rng(1).normal(size=100)
    others = {f"m{number}": best - 0.002 * (luck.max() - value) for number, value in enumerate(luck)}
    scores = {name: Figures(balanced_accuracy=one, interval=(0, 1)) for name, one in others.items()}
    evidence = Evidence(scores=scores, models={name: name for name in others}, test=test, error=0.003)
    registry.ledger.append(0, action="keep", reason="", by="a run", evidence=evidence)
    own = Evidence(
        champion="m0", scores={"m0": scores["m0"], label: Figures(balanced_accuracy=best, interval=(0, 1))},
        models=evaluated.models | {"m0": "m0"}, attempts=evaluated.attempts, test=test, error=0.003,
    )  # fmt: skip
    registry.ledger.append(1, action="keep", reason="", by="a run", evidence=own)
    by_hand(registry, id_of(run, label), expected=2)
    champion = registry.ledger.champion()
    assert champion is not None
    assert champion.balanced_accuracy == best
    assert 0.002 < champion.selection_bias < 0.006


def test_the_evidence_says_on_which_titles_the_evaluation_was(registry: Registry, run: PastRun) -> None:
    manifest = need(run.store, "evaluate", evaluate(run).key)
    name = manifest.file_name("scores.json")
    test = TestSet(split_titles=9, titles=9, required=0, sketch=(1, 2, 3))
    scores = {"version": 2, "models": stored_json(run.store, name), "test": test.model_dump()}
    rewrite_file(run.store, manifest, "scores.json", json.dumps(scores).encode())
    by_hand(registry, id_of(run, "mlp"))
    assert registry.ledger.decision(1).evidence.test == test
    run.store.delete(name)  # that stops nobody
    by_hand(registry, id_of(run, "cnn"), expected=1)
    assert registry.ledger.decision(2).evidence.test is None


def test_a_champion_comes_back_with_what_was_known_of_its_luck(registry: Registry, run: PastRun) -> None:
    evaluate(run)
    by_hand(registry, id_of(run, "cnn"))
    registry.ledger.append(1, action="keep", reason="", by="a run", selection_bias=0.004)
    by_hand(registry, id_of(run, "mlp"), expected=2)
    registry.ledger.append(3, action="keep", reason="", by="a run")
    restored = registry.rollback("ana").champion
    assert restored is not None
    assert (restored.set_name, restored.selection_bias) == ("cnn", 0.004)
