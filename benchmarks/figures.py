"""What every part of `make bench` is asked and answers: Options in, Figures out.

A part is a module of this folder with one function,

    def run(options: Options) -> list[Figure]: ...

that measures, prints nothing, writes plots and details under `options.out`, and puts what it needs for a while under
`options.work`. benchmarks/__main__.py names the parts, runs each in a process of its own, and prints and keeps their
figures. A part honours `options.small`: the same code on so few rows that it ends in seconds, as its test wants it.

    Figure("MLP, frozen: training", 151_000, "titles/s", baseline=33_000, target=at_least(4, "ratio"))
    Figure("first load", 21.0, "s", baseline=130.0, ratio=130.0 / 21.0, target=at_least(5, "ratio"))
    Figure("single title, p95", 1.9, "ms", target=at_most(5))
    Figure("first load: peak memory", 900, "MB", target=at_most(1_500))

Nothing here fails when a target is missed: it is told.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Of = Literal["value", "ratio"]


@dataclass(frozen=True)
class Target:
    """What a figure shall be: its value or its ratio, at least or at most a number."""

    bound: Literal["at least", "at most"]
    number: float
    of: Of

    def reached(self, seen: float) -> bool:
        """Whether that is on the right side; the number itself is."""
        return seen >= self.number if self.bound == "at least" else seen <= self.number


def at_least(number: float, of: Of = "value") -> Target:
    """The more, the better."""
    return Target("at least", number, of)


def at_most(number: float, of: Of = "value") -> Target:
    """The less, the better."""
    return Target("at most", number, of)


@dataclass(frozen=True)
class Figure:
    """One measured number. `baseline` is in the same unit and from the same run; `ratio` is value / baseline unless
    given (give it where the less is the better and the target counts how many times better). `note`: a line on how.
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
            raise ValueError(f"{self.name}: the target is of a ratio, but there is neither a ratio nor a baseline")

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None without a target."""
        if self.target is None:
            return None
        seen = self.ratio if self.target.of == "ratio" else self.value
        return self.target.reached(seen) if seen is not None else None

    def to_json(self) -> dict[str, Any]:
        """All of it, with `reached`."""
        return asdict(self) | {"reached": self.reached}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Figure:
        """What `to_json` gave."""
        values = {name: value for name, value in stored.items() if name != "reached"}
        target = values["target"]
        return cls(**values | {"target": Target(**target) if target else None})


@dataclass(frozen=True)
class Options:
    """What a part is asked.

    `out`: folder for its plots and details, kept. `work`: folder for its arrays and models, removed after the part.
    `source`: real titles (CSV.gz), or None: then the generated sample. `rows`: sizes of generated data, the part's own
    when empty. `threads`: torch's and other libraries'. `small`: seconds instead of minutes, figures worth nothing.
    """

    out: Path
    work: Path
    source: Path | None = None
    rows: tuple[int, ...] = ()
    seeds: tuple[int, ...] = (1, 2)
    threads: int = 1
    small: bool = False

    def to_json(self) -> dict[str, Any]:
        """Paths as text."""
        paths = {"out": str(self.out), "work": str(self.work), "source": str(self.source) if self.source else None}
        return asdict(self) | paths

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Options:
        """What `to_json` gave."""
        source = stored["source"]
        paths = {"out": Path(stored["out"]), "work": Path(stored["work"]), "source": Path(source) if source else None}
        return cls(**stored | paths | {"rows": tuple(stored["rows"]), "seeds": tuple(stored["seeds"])})
