"""The pictures that stages write: the learning curves of a training run, and the leaderboard of an evaluation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from meli_tasks.core.training.progress import Epoch

LEADERBOARD_WIDTH = 8.0  # inches
INCHES_PER_BAR = 0.38


class Bar(NamedTuple):
    """The balanced accuracy of one model, with its 95 % interval."""

    label: str
    balanced_accuracy: float
    low: float
    high: float


def draw_curves(epochs: Sequence[Epoch], kept: int, path: Path) -> None:
    """Draw cross-entropy and balanced accuracy by epoch, with the kept epoch marked, as a PNG of 1,000 x 400 pixels.

    The loss that is minimized is not drawn: with a margin or smoothing it is another quantity than validation's.
    """
    numbers = [epoch.epoch for epoch in epochs]
    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    loss, accuracy = figure.subplots(1, 2)
    training = [math.nan if epoch.train_cross_entropy is None else epoch.train_cross_entropy for epoch in epochs]
    loss.plot(numbers, training, marker="o", label="training, with dropout")
    loss.plot(numbers, [epoch.validation_loss for epoch in epochs], marker="o", label="validation")
    loss.set(title="Cross-entropy", xlabel="epoch", ylabel="mean over the titles, nats")
    validated = [epoch.validation_balanced_accuracy for epoch in epochs]
    accuracy.plot(numbers, validated, marker="o", color="tab:orange", label="validation")
    accuracy.set(title="Balanced accuracy", xlabel="epoch", ylabel="mean recall of the categories")
    for panel in (loss, accuracy):
        panel.axvline(kept, color="grey", linestyle=":", label=f"kept: epoch {kept}")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.grid(alpha=0.3)
        panel.legend()
    figure.savefig(path, dpi=100)


def draw_leaderboard(bars: Sequence[Bar], path: Path, subtitle: str) -> None:
    """Draw one bar per model as a PNG, the best model on top."""
    ranked = sorted(bars, key=lambda bar: (bar.balanced_accuracy, bar.label))
    figure = Figure(figsize=(LEADERBOARD_WIDTH, 1.4 + INCHES_PER_BAR * len(ranked)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    values = [bar.balanced_accuracy for bar in ranked]
    # With few titles a percentile interval may not contain the value itself, but an error bar cannot be negative.
    arms = [
        [max(0.0, bar.balanced_accuracy - bar.low) for bar in ranked],
        [max(0.0, bar.high - bar.balanced_accuracy) for bar in ranked],
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
    # Without the software's name and the date, the same scores give the same bytes.
    figure.savefig(path, dpi=120, metadata={"Software": None})
