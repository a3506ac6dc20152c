"""The advice that follows from what changed, and what it expects from past decisions and training runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from meli_tasks.decision import Evidence
from meli_tasks.ledger import Ledger
from meli_tasks.monitoring.accuracy import Accuracy
from meli_tasks.monitoring.advice import advise
from meli_tasks.monitoring.results import DayResult, Finding
from meli_tasks.store import Store
from tests.monitoring.stores import with_champion


def result(*changed: str, worse: bool = False, note: str = "") -> DayResult:
    findings = tuple(
        Finding(statistic=name, before=0, now=1, distance=1, chance_level=0.1, changed=True) for name in changed
    )
    accuracy = Accuracy(balanced_accuracy=0.5 if worse else 0.9, lowest=0.8)
    return DayResult(
        day="2026-11-21", at="", source="r", kind="run", model="m", set_name="mlp", titles=100, findings=findings,
        note=note, accuracy=accuracy,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "retrain", "reason"),
    [
        (result(), False, "Do not retrain: the titles look like those that the champion was validated on."),
        (result("unknown words", "languages"), True, "Retrain: unknown words and languages changed."),
        (result(worse=True), True, "Retrain: the champion is less accurate than promised."),
        (
            result("confidence", worse=True),
            True,
            "Retrain: the champion is less accurate than promised and confidence changed.",
        ),
        (
            result("unknown words", "broken characters"),
            False,
            "Do not retrain: correct the source first (broken characters): a model would learn what is wrong with its "
            "titles.",
        ),
        (result(note="Too few."), False, "No advice: nothing was compared. Too few."),
    ],
)
def test_the_advice_follows_from_what_changed(file_store: Store, found: DayResult, retrain: bool, reason: str) -> None:
    advice = advise(file_store, [found])
    assert advice.retrain is retrain
    assert advice.sentence.startswith(reason)


def test_without_a_past_nothing_is_expected(file_store: Store) -> None:
    advice = advise(file_store, [result("languages")])
    assert (advice.gain, advice.seconds) == (None, None)
    assert advice.sentence.endswith("There is no earlier decision to expect a gain from.")


def test_the_expected_gain_counts_decisions_that_kept_the_champion_as_none(file_store: Store, tmp_path: Path) -> None:
    run = with_champion(file_store, tmp_path / "model")
    ledger = Ledger(file_store)
    champion = ledger.champion()
    for action, gain in (("promote", 0.02), ("keep", 0.004)):
        last = ledger.last()
        ledger.append(
            last.number if last else 0,
            action=action,  # type: ignore[arg-type]
            champion=champion if action == "promote" else None,
            reason="because",
            by="test",
            evidence=Evidence(champion="champion", gain=gain),
        )
    advice = advise(file_store, [result("languages")])
    assert (advice.gain, advice.decisions) == (pytest.approx(0.01), 2)
    assert advice.seconds == run.trainings["mlp"].seconds
    assert "The last 2 decisions gained +0.0100 in balanced accuracy on average; training takes about 30 s." in (
        advice.sentence
    )
