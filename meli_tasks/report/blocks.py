"""The parts of a report: text, facts, tables and charts. They hold plain text; only the template writes HTML.

A figure carries its exact value and its place in the store, so that a reader (and a test) can check what is displayed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Tone = Literal["", "note", "warning", "good", "bad"]
NOT_MEASURED = "not measured"
SCORES, DECISION = "scores.json", "decision.json"


@dataclass(frozen=True)
class Cell:
    """A value as text. `source` says where a figure is stored: FILE#POINTER, with a JSON pointer (RFC 6901)."""

    text: str
    value: float | None = None
    source: str = ""
    tone: Tone = ""
    strong: bool = False
    code: bool = False


@dataclass(frozen=True)
class Range:
    """A value and its interval, drawn as a bar on the axis from `low` to `high` that its column shares."""

    value: float
    interval: tuple[float, float]
    low: float
    high: float

    def percent(self, value: float) -> float:
        """Where a value is on the axis."""
        width = self.high - self.low
        return round(100 * min(max((value - self.low) / width, 0.0), 1.0), 2) if width > 0 else 50.0


@dataclass(frozen=True)
class Column:
    """A column of a table. Numbers are aligned to the right."""

    name: str
    numeric: bool = False


Row = Sequence[Cell | Range]


@dataclass(frozen=True)
class Table:
    """Rows under headings. With `folded`, a line that opens it."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    folded: str = ""


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True)
class Facts:
    """Names with a value each."""

    rows: Sequence[tuple[str, Cell]]


@dataclass(frozen=True)
class Code:
    """A command or another text to copy."""

    text: str


@dataclass(frozen=True)
class LegendEntry:
    """A line of a chart: its name and its colour, one of the style sheet's `--series-N`."""

    name: str
    colour: int
    dashed: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart as SVG, with what it shows in words, and the table of its values."""

    title: str
    svg: str
    description: str
    legend: Sequence[LegendEntry]
    table: Table


@dataclass(frozen=True)
class Charts:
    """Charts beside each other."""

    charts: Sequence[Chart]


Block = Text | Facts | Code | Table | Charts


@dataclass(frozen=True)
class Section:
    """A heading with its blocks."""

    id: str
    title: str
    blocks: Sequence[Block]


def pointer(file: str, *path: str | int) -> str:
    """Where a figure is stored: a file, and a JSON pointer into it."""
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in path)
    return f"{file}#{''.join(f'/{part}' for part in parts)}"


def figure(value: float | None, source: str = "", digits: int = 4, *, tone: Tone = "", strong: bool = False) -> Cell:
    """A measured value; one that is missing was not measured."""
    if value is None:
        return Cell(NOT_MEASURED)
    return Cell(f"{value:,.{digits}f}", value, source, tone, strong)


def signed(value: float | None, source: str = "", digits: int = 4) -> Cell:
    """A difference, with its sign; green if it is a gain, red if it is a loss."""
    if value is None:
        return Cell(NOT_MEASURED)
    tone: Tone = "good" if value > 0 else "bad" if value < 0 else ""
    return Cell(f"{value:+,.{digits}f}", value, source, tone)


def whole(value: int | None, source: str = "") -> Cell:
    """A number of things."""
    return Cell(NOT_MEASURED) if value is None else Cell(f"{value:,}", value, source)


def interval(found: tuple[float, float] | None, digits: int = 4) -> Cell:
    """An interval as text."""
    return Cell(NOT_MEASURED) if found is None else Cell(f"{found[0]:.{digits}f} to {found[1]:.{digits}f}")


def not_available(error: Exception, what: str = "") -> Text:
    """Says that something, as a sentence of its own, could not be made, and why."""
    return Text(f"Not available: {what}{str(error).removesuffix('.')}.", "warning")
