"""Golden titles as a gate of promote: which model is not promoted, and what the reason says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meli_tasks.core.stage_parameters import Promote, Promotion
from meli_tasks.stages import promote
from meli_tasks.stages.evaluation import Evaluation, PromotionDecision, Scores
from meli_tasks.stages.figures import GoldenResult, GoldenTitles, LostTitle
from meli_tasks.stages.golden_gate import NAME
from meli_tasks.stages.hooks import Hooks

LABELS = np.repeat(np.arange(10), 40)
LOST = LostTitle(title="Taza azul", category="MUGS", predicted="CUPS")


def losing(number: int, titles: int = 30) -> GoldenResult:
    lost = [LOST, *(LostTitle(title=f"t{at}", category="A", predicted="B") for at in range(1, number))]
    return GoldenResult(titles=titles, lost=tuple(lost[:20]), lost_titles=number)


KEPT = GoldenResult(titles=30)


def decide(
    folder: Path,
    models: dict[str, tuple[int, GoldenResult | None]],
    champion: str | None = None,
    golden: GoldenTitles | None = GoldenTitles(titles=30),  # noqa: B008 - frozen
    **params: Any,
) -> PromotionDecision:
    """Decide on models with so many wrong titles, and what they do with the golden ones."""
    evaluate, out = folder / "evaluate", folder / "out"
    evaluate.mkdir()
    out.mkdir()
    columns, evaluations = {}, {}
    for label, (wrong, found) in models.items():
        predicted = LABELS.copy()
        predicted[:: len(LABELS) // wrong] = -1
        columns[label] = [f"C{category}" for category in predicted]
        evaluations[label] = Evaluation(
            balanced_accuracy=float((predicted == LABELS).mean()),
            interval=(0.0, 1.0),
            milliseconds_p95=1.0,
            megabytes=1.0,
            golden=found,
        )
    pq.write_table(pa.table({"category": [f"C{c}" for c in LABELS], **columns}), evaluate / "predictions.parquet")
    (evaluate / "scores.json").write_text(Scores(version=2, models=evaluations, golden=golden).model_dump_json())
    limits = Promotion.model_validate({**Promote().model_dump(), "champion": champion, **params})
    promote.run({"evaluate": evaluate}, out, limits, Hooks())
    return PromotionDecision.model_validate_json((out / "decision.json").read_bytes())


def gate_of(decision: PromotionDecision) -> Any:
    return next(gate for gate in decision.gates if gate.name == NAME)


def test_without_golden_titles_there_is_no_gate(tmp_path: Path) -> None:
    decision = decide(tmp_path, {"mlp": (8, None)}, golden=None)
    assert decision.promoted == "mlp"
    assert NAME not in {gate.name for gate in decision.gates}


def test_a_model_that_keeps_them_is_promoted(tmp_path: Path) -> None:
    decision = decide(tmp_path, {"mlp": (8, KEPT)})
    assert decision.promoted == "mlp"
    assert (gate_of(decision).passed, gate_of(decision).value, gate_of(decision).limit) == (True, 0, 0)
    assert decision.reason == "mlp becomes champion with balanced accuracy 0.9800, since there is no champion yet."


def test_the_first_champion_must_keep_them_too(tmp_path: Path) -> None:
    decision = decide(tmp_path, {"mlp": (8, losing(1))})
    assert decision.promoted is None
    assert decision.reason == (
        "No model becomes champion: mlp (balanced accuracy 0.9800) was not promoted because it misclassifies 1 golden "
        "title ('Taza azul' is predicted CUPS, not MUGS)."
    )


def test_the_first_lost_titles_are_named_and_the_others_counted(tmp_path: Path) -> None:
    decision = decide(tmp_path, {"mlp": (8, losing(25))})
    assert gate_of(decision).value == 25
    assert gate_of(decision).detail == (
        "'Taza azul' is predicted CUPS, not MUGS; 't1' is predicted B, not A; 't2' is predicted B, not A; and 22 more"
    )


def test_another_model_that_keeps_them_is_promoted_and_the_better_one_named(tmp_path: Path) -> None:
    models = {"champion": (80, KEPT), "best": (2, losing(1)), "ensemble": (8, KEPT)}
    decision = decide(tmp_path, models, "champion")
    assert decision.promoted == "ensemble"
    assert decision.reason.endswith(
        "best cannot be promoted: it misclassifies 1 golden title ('Taza azul' is predicted CUPS, not MUGS)."
    )


def test_a_champion_that_loses_them_too_saves_no_challenger(tmp_path: Path) -> None:
    decision = decide(tmp_path, {"old": (80, losing(2)), "mlp": (8, losing(1))}, "old")
    assert decision.promoted is None
    assert "old stays champion" in decision.reason and "it misclassifies 1 golden title ('Taza azul'" in decision.reason
    assert decision.reason.endswith(
        "The champion old misclassifies 2 golden titles: 'Taza azul' is predicted CUPS, not MUGS; 't1' is predicted B, "
        "not A."
    )


def test_a_champion_that_loses_one_is_reported_without_a_challenger(tmp_path: Path) -> None:
    decision = decide(tmp_path, {"old": (8, losing(1)), "mlp": (80, KEPT)}, "old")
    assert "old stays champion" in decision.reason
    assert "The champion old misclassifies 1 golden title: 'Taza azul' is predicted CUPS, not MUGS." in decision.reason


def test_titles_that_were_not_checked_are_said_of_a_model_that_passes(tmp_path: Path) -> None:
    about = GoldenTitles(titles=30, unchecked_titles=2, unknown_categories=("MUG",))
    decision = decide(tmp_path, {"mlp": (8, KEPT)}, golden=about)
    assert decision.promoted == "mlp" and gate_of(decision).passed is True
    assert decision.reason.endswith(
        "2 of 32 golden titles were not checked, because no title of this run has the category 'MUG': it is spelled "
        "differently in the source, or has too few rows."
    )


@pytest.mark.parametrize("found", [GoldenResult(titles=0), None])
def test_a_gate_that_could_check_no_title_is_not_checked(tmp_path: Path, found: GoldenResult | None) -> None:
    about = GoldenTitles(titles=0, unchecked_titles=2, unknown_categories=("MUG", "CUP"))
    decision = decide(tmp_path, {"mlp": (8, found)}, golden=about)
    assert decision.promoted == "mlp"
    assert (gate_of(decision).passed, gate_of(decision).state, gate_of(decision).value) == (None, "not checked", None)
    assert decision.reason.count("has the category 'MUG', 'CUP'") == 1
