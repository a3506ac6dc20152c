"""The table of evaluated models, best first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table


def ranking(scores: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the models with their scores, ordered by balanced accuracy, best first."""
    return sorted(scores.items(), key=lambda item: float(item[1]["balanced_accuracy"]), reverse=True)


def leaderboard(scores: Mapping[str, Mapping[str, Any]], title: str = "") -> Table:
    """Return a table of scores on the test split, with milliseconds per title and megabytes on disk."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, padding=(0, 2))
    for name in ("model", "balanced accuracy", "95 % interval", "accuracy", "top 5", "macro F1", "ms/title", "MB"):
        table.add_column(name, justify="left" if name == "model" else "right")
    for label, score in ranking(scores):
        low, high = score["interval"]
        table.add_row(
            Text(label, style="bold"),
            f"{score['balanced_accuracy']:.4f}",
            f"{low:.4f} to {high:.4f}",
            f"{score['accuracy']:.4f}",
            f"{score['top5']:.4f}",
            f"{score['macro_f1']:.4f}",
            f"{score['milliseconds_p95']:.1f}",
            f"{score['megabytes']:.1f}",
        )
    return table
