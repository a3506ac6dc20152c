"""Titles of our own making: `sample:rows=20000,seed=1`, and `wrong_share=0.01` for the share of wrong labels."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from meli_tasks.core.errors import BadData
from meli_tasks.settings import Settings
from meli_tasks.sources import Part
from meli_tasks.store.disk import disk_errors, part_file

MOST_ROWS = 1_000_000_000
MOST_WRONG = 0.35
EXAMPLE = "sample:rows=20000,seed=1"


@dataclass
class _Asked:
    rows: int = 20_000
    seed: int = 1
    wrong_share: float = 0.01


def parts(spec: str, settings: Settings) -> tuple[Part, ...]:
    """The one table, told apart by what it is made from."""
    from meli_tasks.core.sample import SAMPLE_VERSION

    asked = _asked(spec)
    identity = f"sample:{SAMPLE_VERSION}:{asked.rows}:{asked.seed}:{asked.wrong_share}"
    return (Part(f"sample-{asked.rows}-{asked.seed}.parquet", identity),)


def fetch(spec: str, parts: tuple[Part, ...], folder: Path, settings: Settings) -> None:
    """Generate the titles into a Parquet file."""
    from meli_tasks.stages.sample_file import write_sample

    asked, target = _asked(spec), folder / parts[0].name
    with disk_errors(target), part_file(folder, target.name) as part:
        write_sample(part, asked.rows, asked.seed, asked.wrong_share)
        part.replace(target)


def _asked(spec: str) -> _Asked:
    asked = _Asked()
    kinds: dict[str, type[int] | type[float]] = {"rows": int, "seed": int, "wrong_share": float}
    for setting in filter(None, spec.partition(":")[2].split(",")):
        name, _, value = (word.strip() for word in setting.partition("="))
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known are {', '.join(kinds)}, as in {EXAMPLE}."
            raise BadData(f"The source {spec} has {name!r}, which the sample does not know. {hint}")
        try:
            setattr(asked, name, kinds[name](value))
        except ValueError:
            raise BadData(f"The source {spec} has {setting!r}: a number is needed, as in {EXAMPLE}.") from None
    if not 1 <= asked.rows <= MOST_ROWS or asked.seed < 0 or not 0 <= asked.wrong_share <= MOST_WRONG:
        raise BadData(
            f"The source {spec} is out of range: rows goes from 1 to {MOST_ROWS:,}, seed from 0 on, "
            f"wrong_share from 0 to {MOST_WRONG}."
        )
    return asked
