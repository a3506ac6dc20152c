"""Charts as SVG without scripts, drawn by matplotlib. The colours are those of the report's style sheet.

matplotlib writes a colour as #rrggbb. Each colour here stands for a CSS variable, which replaces it in the SVG, so that
a chart follows the reader's light or dark mode and prints in dark ink. Names of models are in the legend beside a
chart, which is HTML: text within a chart is ours alone.
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SERIES_COLOURS = 8
"""The number of colours that the style sheet has for lines."""
MARKED_POINTS = 40
"""Points are marked on lines of at most this many; more would run into each other."""
WIDTH, HEIGHT = 4.6, 3.0  # inches; with 72 to the inch, 331 x 216 units
FONT_SIZE = 9.0  # units; on a phone of 390 pixels a chart is about as wide as its units
INK, GRID, GUIDE = "#010101", "#020202", "#030303"
_VARIABLES = {INK: "var(--ink)", GRID: "var(--line)", GUIDE: "var(--muted)"} | {
    f"#0400{number:02x}": f"var(--series-{number})" for number in range(SERIES_COLOURS)
}
_COLOUR = re.compile("|".join(_VARIABLES))
# The settings of matplotlib belong to the whole process, so one chart is drawn at a time.
_DRAWING = threading.Lock()


Style = Literal["line", "dashed", "points"]


@dataclass(frozen=True)
class Line:
    """A series of points. `style` draws a line, a dashed one, or only the points."""

    x: Sequence[float]
    y: Sequence[float]
    colour: int
    style: Style = "line"


@dataclass(frozen=True)
class Axis:
    """What an axis shows, and its limits if they are fixed. `whole`: only whole numbers are marked."""

    title: str
    limits: tuple[float, float] | None = None
    whole: bool = False
    percent: bool = False


def draw(lines: Sequence[Line], x: Axis, y: Axis, *, diagonal: bool = False) -> str:
    """A chart of lines or points as an SVG element. `diagonal` draws where both axes have the same value."""
    with _figure() as (figure, axes):
        if diagonal:
            axes.axline((0, 0), slope=1, color=GUIDE, linewidth=1, linestyle=(0, (2, 2)))
        for line in lines:
            _draw_line(axes, line)
        _set_axis(axes, "x", x)
        _set_axis(axes, "y", y)
        written = io.StringIO()
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _as_element(written.getvalue())


@contextmanager
def _figure() -> Iterator[tuple[Figure, Axes]]:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with _DRAWING, mpl.rc_context():
        mpl.rcParams["svg.fonttype"] = "none"  # text stays text, so that it can be read aloud, searched and copied
        mpl.rcParams["svg.hashsalt"] = "meli"
        mpl.rcParams["font.size"] = FONT_SIZE
        mpl.rcParams["font.family"] = "sans-serif"
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained", dpi=72)
        axes = figure.subplots()
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(GRID)
        axes.tick_params(color=GRID, labelcolor=INK)
        axes.grid(color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        yield figure, axes


def _draw_line(axes: Axes, line: Line) -> None:
    points = line.style == "points"
    axes.plot(
        line.x,
        line.y,
        color=f"#0400{line.colour % SERIES_COLOURS:02x}",
        linestyle={"line": "-", "dashed": (0, (4, 3)), "points": "none"}[line.style],
        linewidth=1.6,
        marker="o" if points or len(line.x) <= MARKED_POINTS else None,
        markersize=3.2,
        alpha=0.55 if points else None,
    )


def _set_axis(axes: Axes, name: Literal["x", "y"], axis: Axis) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    of_axes = axes.xaxis if name == "x" else axes.yaxis
    of_axes.set_label_text(axis.title, color=INK)
    of_axes.set_major_locator(MaxNLocator(nbins=6, integer=axis.whole, min_n_ticks=1))
    if axis.whole and not axis.limits:  # a single epoch is no reason for fractions of an epoch
        low, high = axes.get_xlim() if name == "x" else axes.get_ylim()
        axis = replace(axis, limits=(low - 0.5, high + 0.5) if high - low < 1 else (low, high))
    if axis.percent:
        of_axes.set_major_formatter(PercentFormatter(1.0, decimals=None))
    if axis.limits:
        (axes.set_xlim if name == "x" else axes.set_ylim)(*axis.limits)


def _as_element(document: str) -> str:
    """The SVG of a document, scaled to its container, without ids that several charts of a page would share."""
    svg = document[document.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<defs>\s*<style.*?</style>\s*</defs>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'<g id="(?:figure|axes|patch|line2d|text|matplotlib\.axis|xtick|ytick|grid)[^"]*">', "<g>", svg)
    return _COLOUR.sub(lambda found: _VARIABLES[found[0]], re.sub(r"\n\s*", "\n", svg))
