"""Titles of our own making: `sample:rows=20000,seed=1`.

Beside them `wrong_share=0.01` for the share of wrong labels, and `day={ds}` for the titles of the run's own day.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from meli_tasks.core.errors import BadData
from meli_tasks.disk import atomic_write
from meli_tasks.sources.place import Part

MOST_ROWS = 1_000_000_000
MOST_WRONG = 0.35
EXAMPLE = "sample:rows=20000,seed=1"


@dataclass
class _Asked:
    rows: int = 20_000
    seed: int = 1
    wrong_share: float = 0.01
    day: date | None = None


_KINDS: dict[str, Callable[[str], int | float | date]] = {
    "rows": int,
    "seed": int,
    "wrong_share": float,
    "day": date.fromisoformat,
}


class Sample:
    """The project's own titles."""

    def parts(self, spec: str) -> tuple[Part, ...]:
        """The one table, told apart by what it is made from."""
        from meli_tasks.core.sample.generator import SAMPLE_VERSION

        asked = _asked(spec)
        identity = f"sample:{SAMPLE_VERSION}:{asked.rows}:{asked.seed}:{asked.wrong_share}"
        name = f"sample-{asked.rows}-{asked.seed}"
        if asked.day:
            identity, name = f"{identity}:{asked.day}", f"{name}-{asked.day}"
        return (Part(f"{name}.parquet", identity),)

    def fetch(self, spec: str, wanted: Sequence[tuple[Part, Path]]) -> None:
        """Generate the titles into a Parquet file."""
        from meli_tasks.stages.files.sample_file import write_sample

        asked = _asked(spec)
        for _, target in wanted:
            with atomic_write(target) as incoming:
                write_sample(incoming, asked.rows, asked.seed, asked.wrong_share, asked.day)


def _asked(spec: str) -> _Asked:
    asked = _Asked()
    for setting in filter(None, spec.partition(":")[2].split(",")):
        name, _, value = (word.strip() for word in setting.partition("="))
        if name not in _KINDS:
            near = difflib.get_close_matches(name, _KINDS, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known are {', '.join(_KINDS)}, as in {EXAMPLE}."
            raise BadData(f"The source {spec} has {name!r}, which the sample does not know. {hint}")
        try:
            setattr(asked, name, _KINDS[name](value))
        except ValueError:
            needed = "a date like 2026-11-21, or {ds} for the run's," if name == "day" else "a number"
            raise BadData(f"The source {spec} has {setting!r}: {needed} is needed, as in {EXAMPLE}.") from None
    if not 1 <= asked.rows <= MOST_ROWS or asked.seed < 0 or not 0 <= asked.wrong_share <= MOST_WRONG:
        raise BadData(
            f"The source {spec} is out of range: rows goes from 1 to {MOST_ROWS:,}, seed from 0 on, "
            f"wrong_share from 0 to {MOST_WRONG}."
        )
    return asked
