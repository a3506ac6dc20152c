"""The interface of a part of `make bench`: it takes Options and returns Figures.

A part is a module of this folder with one function,

    def run(options: Options) -> list[Figure]: ...

It prints nothing, writes plots and details to `options.out`, and puts temporary files into `options.work`.
benchmarks/__main__.py lists the parts, runs each in its own process, and prints and stores the figures. With
`options.small` a part runs the same code on so few rows that it ends in seconds; its test relies on that.

    Figure("MLP, frozen: training", 151_000, "titles/s", baseline=33_000, target=at_least(4, "ratio"))
    Figure("first load", 21.0, "s", baseline=130.0, ratio=130.0 / 21.0, target=at_least(5, "ratio"))
    Figure("single title, p95", 1.9, "ms", target=at_most(5))
    Figure("first load: peak memory", 900, "MB", target=at_most(1_500))

A missed target is reported and fails nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Of = Literal["value", "ratio"]


@dataclass(frozen=True)
class Target:
    """The bound that a figure's value or ratio should respect."""

    bound: Literal["at least", "at most"]
    number: float
    of: Of

    def reached(self, value: float) -> bool:
        """Whether `value` is on the right side of the bound; the bound itself is."""
        return value >= self.number if self.bound == "at least" else value <= self.number


def at_least(number: float, of: Of = "value") -> Target:
    """A lower bound."""
    return Target("at least", number, of)


def at_most(number: float, of: Of = "value") -> Target:
    """An upper bound."""
    return Target("at most", number, of)


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        baseline: The number to compare with, in the same unit and from the same run.
        ratio: value / baseline by default. Pass it where less is better and the target counts how many times better.
        note: One line on how it was measured.
    """

    name: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    target: Target | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if self.ratio is None and self.baseline:
            object.__setattr__(self, "ratio", self.value / self.baseline)
        if self.target is not None and self.target.of == "ratio" and self.ratio is None:
            raise ValueError(f"{self.name}: the target is a ratio, but the figure has neither a ratio nor a baseline")

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None without a target."""
        if self.target is None:
            return None
        value = self.ratio if self.target.of == "ratio" else self.value
        return self.target.reached(value) if value is not None else None

    def to_json(self) -> dict[str, Any]:
        """All fields, and `reached`."""
        return asdict(self) | {"reached": self.reached}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Figure:
        """The inverse of `to_json`."""
        values = {name: value for name, value in stored.items() if name != "reached"}
        target = values["target"]
        return cls(**values | {"target": Target(**target) if target else None})


@dataclass(frozen=True)
class Options:
    """What a part is to measure, and where.

    Attributes:
        out: Folder for plots and details, which are kept.
        work: Folder for arrays and models, removed after the part.
        source: Real titles (CSV.gz); None for the generated sample.
        rows: Sizes of generated data; the part's own sizes if empty.
        seeds: Seeds of the training runs.
        threads: Threads of torch and the other libraries.
        small: Seconds instead of minutes; the figures mean nothing.
    """

    out: Path
    work: Path
    source: Path | None = None
    rows: tuple[int, ...] = ()
    seeds: tuple[int, ...] = (1, 2)
    threads: int = 1
    small: bool = False

    def to_json(self) -> dict[str, Any]:
        """All fields, with paths as text."""
        paths = {"out": str(self.out), "work": str(self.work), "source": str(self.source) if self.source else None}
        return asdict(self) | paths

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Options:
        """The inverse of `to_json`."""
        source = stored["source"]
        paths = {"out": Path(stored["out"]), "work": Path(stored["work"]), "source": Path(source) if source else None}
        return cls(**{**stored, **paths, "rows": tuple(stored["rows"]), "seeds": tuple(stored["seeds"])})
