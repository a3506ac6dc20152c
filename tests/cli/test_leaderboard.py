from __future__ import annotations

import io

from rich.console import Console

from meli_tasks.cli.leaderboard import leaderboard, ranking
from meli_tasks.stages.evaluation import Evaluation

LONG = "search_cnn_20261122_with_a_long_name (champion)"


def evaluation(balanced_accuracy: float) -> Evaluation:
    return Evaluation(balanced_accuracy=balanced_accuracy, interval=(0.1, 0.9), top5=0.95)


SCORES = {"mlp": evaluation(0.5), LONG: evaluation(0.75)}


def test_models_are_ranked_by_balanced_accuracy() -> None:
    assert [label for label, _ in ranking(SCORES)] == [LONG, "mlp"]


def test_at_80_columns_nothing_is_cut_and_no_figure_is_split() -> None:
    console = Console(file=io.StringIO(), width=80)
    console.print(leaderboard(SCORES))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "…" not in text
    assert [line.split() for line in text.splitlines()[2:4]] == [
        [*LONG.split(), "0.7500", "0.1000-0.9000"],
        ["mlp", "0.5000", "0.1000-0.9000"],
    ]
    assert text.splitlines()[4] == "A wider terminal also displays: accuracy, top 5, macro F1, ms/title, MB"


def test_a_figure_that_an_older_version_did_not_store_is_a_dash() -> None:
    console = Console(file=io.StringIO(), width=120)
    console.print(leaderboard({"mlp": evaluation(0.5)}))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines()[-1].split() == [
        "mlp", "0.5000", "0.1000-0.9000", "-", "0.9500", "-", "-", "-",
    ]  # fmt: skip
