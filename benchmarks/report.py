"""Figures as one table and as one JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from benchmarks.apart import Cost
from benchmarks.figures import Figure, Options

UNITS_IN_WHOLE = 100.0
DECIMALS = {"balanced accuracy": 4}


@dataclass(frozen=True)
class Outcome:
    """What became of one part: its figures, or how it failed. `cost` is of the whole part; None when it failed."""

    part: str
    options: Options
    figures: Sequence[Figure] = ()
    cost: Cost | None = None
    failure: str = ""

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "part": self.part,
            "options": self.options.to_json(),
            "figures": [figure.to_json() for figure in self.figures],
            "cost": self.cost.to_json() if self.cost else None,
            "failure": self.failure,
        }


def write_results(path: Path, machine: Mapping[str, Any], outcomes: Sequence[Outcome]) -> None:
    """The whole run so far, replacing the file at once."""
    stored = {"machine": dict(machine), "parts": [outcome.to_json() for outcome in outcomes]}
    half = path.with_suffix(".half")
    half.write_text(json.dumps(stored, indent=1, ensure_ascii=False), encoding="utf-8")
    half.replace(path)


def table(outcomes: Sequence[Outcome]) -> Table:
    """What, figure, baseline, ratio, target; a section a part."""
    small = any(outcome.options.small for outcome in outcomes)
    made = Table(title=f"make bench{', so small that the figures mean nothing' if small else ''}", title_justify="left")
    for column in ("part", "what"):
        made.add_column(column)
    for column in ("figure", "baseline", "ratio"):
        made.add_column(column, justify="right")
    made.add_column("target")
    for outcome in outcomes:
        if outcome.failure:
            made.add_row(outcome.part, "[red]failed, see above[/red]")
        for position, figure in enumerate(outcome.figures):
            name, *numbers, target = map(escape, cells(figure))
            note = f"\n[dim]{escape(figure.note)}[/dim]" if figure.note else ""
            colour = "" if figure.reached is None else "[green]" if figure.reached else "[red]"
            made.add_row("" if position else outcome.part, name + note, *numbers, colour + target)
        made.add_section()
    return made


def cells(figure: Figure) -> tuple[str, str, str, str, str]:
    """Name, value, baseline, ratio and target of a figure, as text."""
    unit = f" {figure.unit}" if figure.unit and figure.unit not in DECIMALS else ""
    baseline = _number(figure.baseline, figure.unit) + unit if figure.baseline is not None else ""
    ratio = f"{figure.ratio:.2f} x" if figure.ratio is not None else ""
    return figure.name, _number(figure.value, figure.unit) + unit, baseline, ratio, _target(figure)


def _number(value: float, unit: str) -> str:
    if unit in DECIMALS:
        return f"{value:.{DECIMALS[unit]}f}"
    return f"{value:,.0f}" if abs(value) >= UNITS_IN_WHOLE else f"{value:.3g}"


def _target(figure: Figure) -> str:
    if figure.target is None:
        return ""
    number = f"{figure.target.number:,g}" + (" x" if figure.target.of == "ratio" else "")
    return f"{figure.target.bound} {number}: {'reached' if figure.reached else 'not reached'}"
