"""The leaderboard as a picture: a bar a model, with the interval that the test titles leave open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INCHES_WIDE = 8.0
INCHES_A_BAR = 0.38


class Bar(NamedTuple):
    """One model's balanced accuracy with its 95 % interval."""

    label: str
    balanced_accuracy: float
    low: float
    high: float


def draw_leaderboard(bars: Sequence[Bar], path: Path, subtitle: str) -> None:
    """Write a PNG with the best model on top."""
    ranked = sorted(bars, key=lambda bar: (bar.balanced_accuracy, bar.label))
    figure = Figure(figsize=(INCHES_WIDE, 1.4 + INCHES_A_BAR * len(ranked)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    values = [bar.balanced_accuracy for bar in ranked]
    # A percentile interval may lie wholly beside the figure itself when there are few titles; an arm cannot be
    # negative.
    arms = [
        [max(0.0, b.balanced_accuracy - b.low) for b in ranked],
        [max(0.0, b.high - b.balanced_accuracy) for b in ranked],
    ]
    axes.barh(
        [bar.label for bar in ranked], values, xerr=arms, color="#3483fa", ecolor="#333333", capsize=3, height=0.6
    )
    for position, bar in enumerate(ranked):
        axes.text(0.008, position, f"{bar.balanced_accuracy:.4f}", va="center", color="white", fontsize=9)
    axes.set_xlim(0, 1)
    axes.set_xlabel("balanced accuracy, with its 95 % interval")
    axes.set_title(f"Leaderboard: {subtitle}", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    # No software name and date in the file: the same scores make the same bytes.
    figure.savefig(path, dpi=120, metadata={"Software": None})
