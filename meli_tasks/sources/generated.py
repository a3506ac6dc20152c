"""Generated titles: `sample:rows=20000,seed=1`.

Further settings: `wrong_fraction=0.01`, the fraction of wrong labels, and `day={ds}` for titles of the run's date.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from meli_tasks.core.errors import BadData
from meli_tasks.disk import atomic_write
from meli_tasks.sources.place import Found, Part

MAX_ROWS = 1_000_000_000
MAX_WRONG_FRACTION = 0.35
EXAMPLE = "sample:rows=20000,seed=1"


@dataclass
class _Settings:
    rows: int = 20_000
    seed: int = 1
    wrong_fraction: float = 0.01
    day: date | None = None


FORMER_NAMES = {"wrong_share": "wrong_fraction"}
"""Settings of version 0.1.0 under other names; they are still read."""
_KINDS: dict[str, Callable[[str], int | float | date]] = {
    "rows": int,
    "seed": int,
    "wrong_fraction": float,
    "day": date.fromisoformat,
}


def is_generated(spec: str) -> bool:
    """Whether a source is generated titles."""
    return spec.partition(":")[0] == "sample"


def generated_rows(spec: str) -> int | None:
    """How many titles a source generates; None for a source that is read."""
    return _parsed(spec).rows if is_generated(spec) else None


class Sample:
    """The generated titles, at most `most_rows`."""

    def __init__(self, most_rows: int = MAX_ROWS) -> None:
        self._most_rows = most_rows

    def find(self, spec: str) -> Found:
        """The single table; its identity is what it is generated from."""
        from meli_tasks.core.sample.generator import SAMPLE_VERSION

        settings = _parsed(spec)
        if settings.rows > self._most_rows:
            raise BadData(
                f"The source {spec} would have {settings.rows:,} rows, and at most {self._most_rows:,} are read "
                "(MELI_SOURCE_ROWS)."
            )
        identity = f"sample:{SAMPLE_VERSION}:{settings.rows}:{settings.seed}:{settings.wrong_fraction}"
        name = f"sample-{settings.rows}-{settings.seed}"
        if settings.day:
            identity, name = f"{identity}:{settings.day}", f"{name}-{settings.day}"
        return Found((Part(f"{name}.parquet", identity),))

    def fetch(self, spec: str, targets: Sequence[tuple[Part, Path]]) -> None:
        """Generate the titles into a Parquet file."""
        from meli_tasks.stages.files.sample_file import write_sample

        settings = _parsed(spec)
        for _, target in targets:
            with atomic_write(target) as incoming:
                write_sample(incoming, settings.rows, settings.seed, settings.wrong_fraction, settings.day)


def _parsed(spec: str) -> _Settings:
    settings = _Settings()
    for setting in filter(None, spec.partition(":")[2].split(",")):
        name, _, value = (word.strip() for word in setting.partition("="))
        name = FORMER_NAMES.get(name, name)
        if name not in _KINDS:
            near = difflib.get_close_matches(name, _KINDS, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known are {', '.join(_KINDS)}, as in {EXAMPLE}."
            raise BadData(f"The source {spec} has {name!r}, which is not a setting of the sample. {hint}")
        try:
            setattr(settings, name, _KINDS[name](value))
        except ValueError:
            needed = "a date like 2026-11-21, or {ds} for the run's date" if name == "day" else "a number"
            raise BadData(f"The source {spec} has {setting!r}: it must be {needed}, as in {EXAMPLE}.") from None
    if (
        not 1 <= settings.rows <= MAX_ROWS
        or settings.seed < 0
        or not 0 <= settings.wrong_fraction <= MAX_WRONG_FRACTION
    ):
        raise BadData(
            f"The source {spec} is out of range: rows must be 1 to {MAX_ROWS:,}, seed 0 or more, "
            f"wrong_fraction 0 to {MAX_WRONG_FRACTION}."
        )
    return settings
