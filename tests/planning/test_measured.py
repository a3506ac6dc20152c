"""The figures of earlier decisions on the titles of tonight, on the champion's scale."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from meli_tasks.artifacts.manifest import ModelRef
from meli_tasks.decision import Action, Champion, Decision, Evidence
from meli_tasks.planning.measured import Recent
from meli_tasks.stages.evaluation import Figures, TestSet

SAME, OTHERS = tuple(range(100)), tuple(range(1_000, 1_100))


def figures(accuracy: float) -> Figures:
    return Figures(balanced_accuracy=accuracy, interval=(0.0, 1.0))


def night(
    number: int,
    champion: str | None,
    scores: dict[str, float],
    sketch: tuple[int, ...] = SAME,
    error: float | None = 0.003,
    *,
    folds: int = 0,
    promoted: str = "",
) -> Decision:
    """A decision on models whose keys are their labels."""
    test = TestSet(split_titles=100, titles=100, required=0, sketch=sketch, folds=folds)
    evidence = Evidence(
        champion=champion,
        scores={label: figures(accuracy) for label, accuracy in scores.items()},
        models={label: label for label in scores},
        attempts={label: "f00d" for label in scores},
        test=test,
        error=error,
    )
    at = datetime(2026, 11, number, tzinfo=UTC)
    new = Champion(train=promoted, set_name="", balanced_accuracy=0.9, interval=(0, 1), sha256="f00d")
    action: Action = "promote" if promoted else "keep"
    champion_now = new if promoted else None
    return Decision(number=number, at=at, action=action, champion=champion_now, reason="", evidence=evidence, by="")


def ref(label: str) -> ModelRef:
    return ModelRef(label, "f00d")


def test_figures_of_all_nights_are_collected() -> None:
    found = Recent(
        [night(1, None, {"a": 0.95, "b": 0.94}), night(2, "a", {"a": 0.95, "c": 0.96}, error=0.005)]
    ).history(ref("a"))
    assert found is not None
    assert found.champion == 0.95
    assert found.measured == ((0.94, 1), (0.95, 1), (0.96, 1))
    assert (found.error, found.decisions, found.sketch) == (pytest.approx(0.004), 2, SAME)


def test_a_night_with_other_titles_counts_relative_to_the_champion() -> None:
    most = (*range(60), *range(2_000, 2_040))
    found = Recent([night(1, None, {"a": 0.95}), night(2, "a", {"a": 0.93, "c": 0.94}, most)]).history(ref("c"))
    assert found is not None
    assert found.champion == pytest.approx(0.96)
    assert found.measured == ((0.95, 1), (0.96, 1))
    assert found.sketch == most


def test_the_same_attempt_measured_again_is_one_model() -> None:
    nights = [night(1, None, {"a": 0.95, "b": 0.94}), *(night(n, "a", {"a": 0.95, "b": 0.941}) for n in (2, 3, 4))]
    found = Recent(nights).history(ref("a"))
    assert found is not None
    assert found.measured == ((0.941, 1), (0.95, 1))


def test_mostly_other_titles_start_anew() -> None:
    found = Recent([night(1, None, {"a": 0.95, "b": 0.94}), night(2, "a", {"a": 0.90, "c": 0.91}, OTHERS)]).history(
        ref("a")
    )
    assert found is not None
    assert (found.champion, found.measured, found.sketch) == (0.9, ((0.9, 1), (0.91, 1)), OTHERS)


def test_a_decision_without_a_sketch_is_skipped() -> None:
    old = night(1, None, {"a": 0.95, "b": 0.99}, sketch=())
    assert Recent([old]).history(ref("a")) is None
    found = Recent([old, night(2, "a", {"a": 0.95, "c": 0.94})]).history(ref("a"))
    assert found is not None
    assert found.measured == ((0.94, 1), (0.95, 1))


def test_of_a_champion_that_was_never_evaluated_nothing_is_known() -> None:
    assert Recent([night(1, None, {"a": 0.95})]).history(ref("b")) is None
    assert Recent([]).history(ref("a")) is None


def test_it_is_known_whether_the_champion_was_promoted_with_that_figure() -> None:
    nights = [night(1, None, {"a": 0.95}, promoted="a"), night(2, "a", {"a": 0.95, "c": 0.94})]
    found = Recent(nights).history(ref("a"))
    assert found is not None and found.promoted
    other = Recent(nights).history(ref("c"))
    assert other is not None and not other.promoted
    later = Recent([*nights, night(3, "a", {"a": 0.90, "c": 0.91}, OTHERS)]).history(ref("a"))
    assert later is not None and not later.promoted


def test_nights_with_folds_have_a_scale_of_their_own() -> None:
    """The titles of a test split are among all titles, but errors on all of them are four times as small."""
    nights = [
        night(1, None, {"a": 0.95, "b": 0.94}, error=0.001, folds=5),
        night(2, "a", {"a": 0.93, "c": 0.94}, error=0.004),
        night(3, "a", {"a": 0.95, "d": 0.92}, error=0.001, folds=5),
    ]
    all_titles, some = (Recent(nights).history(ref("a"), folds=folds) for folds in (True, False))
    assert all_titles is not None and some is not None
    assert (all_titles.measured, all_titles.error) == (((0.92, 1), (0.94, 1), (0.95, 1)), 0.001)
    assert (some.measured, some.error) == (((0.93, 1), (0.94, 1)), 0.004)
