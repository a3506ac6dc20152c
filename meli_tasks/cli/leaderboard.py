"""The table of evaluated models, best first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meli_tasks.stages.evaluation import Evaluation
    from meli_tasks.terminal import Listing


def ranking(scores: Mapping[str, Evaluation]) -> list[tuple[str, Evaluation]]:
    """Return the models with their scores, ordered by balanced accuracy, best first."""
    return sorted(scores.items(), key=lambda item: item[1].balanced_accuracy, reverse=True)


def leaderboard(scores: Mapping[str, Evaluation], title: str = "") -> Listing:
    """Return the scores on the test split, with milliseconds per title and megabytes on disk."""
    from rich.text import Text

    from meli_tasks.terminal import Column, Listing

    names = ("balanced accuracy", "95 % interval", "accuracy", "top 5", "macro F1", "ms/title", "MB")
    figures = (Column(name, justify="right", rank=rank) for rank, name in enumerate(names))
    listing = Listing([Column("model"), *figures], title)
    for label, score in ranking(scores):
        low, high = score.interval
        listing.add(
            Text(label, style="bold"),
            f"{score.balanced_accuracy:.4f}",
            f"{low:.4f}-{high:.4f}",
            _figure(score.accuracy, 4),
            _figure(score.top5, 4),
            _figure(score.macro_f1, 4),
            _figure(score.milliseconds_p95, 1),
            _figure(score.megabytes, 1),
        )
    return listing


def _figure(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
