"""Prints figures as one table and stores them as one JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from benchmarks.figures import Figure, Options
from benchmarks.isolated import Cost
from benchmarks.machine import Machine

WHOLE_NUMBERS_FROM = 100.0
DECIMALS = {"balanced accuracy": 4}


@dataclass(frozen=True)
class Outcome:
    """The figures of one part, or how it failed. `cost` is that of the whole part; None if it failed."""

    part: str
    options: Options
    figures: tuple[Figure, ...] = ()
    cost: Cost | None = None
    failure: str = ""

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return {
            "part": self.part,
            "options": self.options.to_json(),
            "figures": [figure.to_json() for figure in self.figures],
            "cost": self.cost.to_json() if self.cost else None,
            "failure": self.failure,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Outcome:
        """The inverse of `to_json`."""
        return cls(
            stored["part"],
            Options.from_json(stored["options"]),
            tuple(Figure.from_json(figure) for figure in stored["figures"]),
            Cost.from_json(stored["cost"]) if stored["cost"] else None,
            stored["failure"],
        )


def write_results(path: Path, machine: Machine, outcomes: Sequence[Outcome]) -> None:
    """Writes the outcomes so far, replacing the file atomically."""
    stored = {"machine": machine.to_json(), "parts": [outcome.to_json() for outcome in outcomes]}
    half = path.with_suffix(".half")
    half.write_text(json.dumps(stored, indent=1, ensure_ascii=False), encoding="utf-8")
    half.replace(path)


def read_results(path: Path) -> tuple[Machine, list[Outcome]]:
    """Reads what `write_results` wrote."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    return Machine.from_json(stored["machine"]), [Outcome.from_json(part) for part in stored["parts"]]


def table(outcomes: Sequence[Outcome]) -> Table:
    """One table of all figures, with a section per part."""
    small = any(outcome.options.small for outcome in outcomes)
    title = f"make bench{' --small: the figures mean nothing' if small else ''}"
    made = Table(title=title, title_justify="left")
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
    return f"{value:,.0f}" if abs(value) >= WHOLE_NUMBERS_FROM else f"{value:.3g}"


def _target(figure: Figure) -> str:
    if figure.target is None:
        return ""
    number = f"{figure.target.number:,g}" + (" x" if figure.target.of == "ratio" else "")
    return f"{figure.target.bound} {number}: {'reached' if figure.reached else 'not reached'}"
