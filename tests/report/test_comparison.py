"""Champion against challenger by category, and the drift between two nights."""

from __future__ import annotations

from typing import Any

import pytest

from meli_tasks.report.blocks import Table
from meli_tasks.report.comparison import categories
from meli_tasks.report.data import distance
from meli_tasks.report.material import Material
from meli_tasks.stages.evaluation import Evaluation, Scores
from meli_tasks.stages.figures import CategoryRecall


class Compared(Material):
    """A run whose evaluation is given."""

    def __init__(self, before: dict[str, tuple[float, int]], after: dict[str, tuple[float, int]]) -> None:
        def evaluation(found: dict[str, tuple[float, int]]) -> Evaluation:
            recalls = {name: CategoryRecall(recall=recall, titles=titles) for name, (recall, titles) in found.items()}
            return Evaluation(balanced_accuracy=0.9, interval=(0.8, 0.95), categories=recalls)

        models = {"old": evaluation(before), "new": evaluation(after)}
        fields: dict[str, Any] = {
            "stored_scores": Scores(version=2, models=models),
            "evaluated": type("Evaluated", (), {"champion": "old", "scores": {}})(),
            "decided": None,
        }
        self.__dict__.update(fields)


def listed(run: Material, caption: str) -> list[str]:
    tables = [block for block in categories(run) if isinstance(block, Table) and block.caption.startswith(caption)]
    return [str(getattr(row[0], "text", "")) for table in tables for row in table.rows]


def test_the_category_that_loses_most_titles_comes_first() -> None:
    before = {"ONE": (1.0, 1), "MANY": (0.9, 100), "SAME": (0.5, 10), "BETTER": (0.5, 20), "NEW_ONE": (0.0, 1)}
    after = {"ONE": (0.0, 1), "MANY": (0.6, 100), "SAME": (0.5, 10), "BETTER": (0.7, 20), "NEW_ONE": (1.0, 1)}
    run = Compared(before, after)
    assert listed(run, "Largest losses") == ["MANY", "ONE"]
    assert listed(run, "Largest gains") == ["BETTER", "NEW_ONE"]
    assert listed(run, "Every category") == sorted(after)
    assert "2 better and 2 worse than old; 1 is the same" in str(categories(run)[0])


@pytest.mark.parametrize(
    ("now", "then", "expected"),
    [
        ({"A": 10, "B": 10}, {"A": 100, "B": 100}, 0.0),
        ({"A": 10}, {"B": 10}, 1.0),
        ({"A": 75, "B": 25}, {"A": 50, "B": 50}, 0.25),
        ({"A": 50, "B": 50}, {"A": 50, "B": 40, "C": 10}, 0.1),
        ({}, {}, 0.0),
    ],
)
def test_the_distance_is_the_fraction_of_titles_that_would_change_category(
    now: dict[str, int], then: dict[str, int], expected: float
) -> None:
    assert distance(now, then) == pytest.approx(expected)
