"""Draws accuracy over time and cost over rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

SINGLE_POINT, MANY_POINTS = "D", "o"


@dataclass(frozen=True)
class Curve:
    """(CPU seconds, balanced accuracy) points of one training run, and the CPU seconds of preparation before it."""

    name: str
    points: Sequence[tuple[float, float]]
    preparation: float = 0.0


def draw(curves: Sequence[Curve], path: Path, title: str) -> None:
    """Draws accuracy over time in two panels: training alone, and including its preparation."""
    figure, panels = pyplot.subplots(1, 2, figsize=(13, 5), sharey=True, layout="constrained")
    for panel, with_preparation in zip(panels, (False, True), strict=True):
        for curve in curves:
            before = curve.preparation if with_preparation else 0.0
            seconds = [before + second for second, _ in curve.points]
            marker = SINGLE_POINT if len(curve.points) == 1 else MANY_POINTS
            panel.plot(seconds, [accuracy for _, accuracy in curve.points], marker=marker, label=curve.name)
        panel.set_xscale("log")
        panel.set_xlabel("CPU seconds, " + ("from titles" if with_preparation else "training alone"))
        panel.grid(alpha=0.3)
    best = max(accuracy for curve in curves for _, accuracy in curve.points)
    panels[0].set_ylim(best - 0.1, best + 0.005)
    panels[0].set_ylabel("balanced accuracy on validation titles")
    panels[1].legend(fontsize="small")
    figure.suptitle(title)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def draw_growth(lines: Mapping[str, Sequence[tuple[int, float]]], path: Path, unit: str) -> None:
    """Draws one line per stage, its cost over rows, on logarithmic axes: a slope of 1 is linear growth."""
    figure, panel = pyplot.subplots(figsize=(7, 5), layout="constrained")
    for name, points in lines.items():
        panel.plot([rows for rows, _ in points], [cost for _, cost in points], marker=MANY_POINTS, label=name)
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xlabel("rows")
    panel.set_ylabel(unit)
    panel.grid(alpha=0.3, which="both")
    panel.legend()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
