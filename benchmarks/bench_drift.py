"""Part `drift`: how often monitoring raises a false alarm, and whether it notices changes on their first night.

    python -m benchmarks drift

A real model is trained on generated titles. Nights of other titles are compared with its validation titles as
`meli monitor` does it at the default settings: unchanged ones, and others with a new category mix, a single language,
10 % unknown words, and broken accents.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Options, at_least, at_most
from benchmarks.generated_nights import CHANGES, Night, night
from benchmarks.isolated import Clock, run_isolated
from benchmarks.steps import Overrides, Steps, titles_file, titles_note
from meli_tasks.core.drift import Comparison, compare
from meli_tasks.core.title_profile import TitleProfile
from meli_tasks.monitoring.profiles import profile_of
from meli_tasks.sets import catalog
from meli_tasks.settings import Settings
from meli_tasks.stages.files.model_files import load_model
from meli_tasks.stages.listings.title_samples import validation_titles

QUICK: Overrides = {"train.epochs": 4}
MOST_VALIDATION_TITLES = 200_000
FIRST_CHANGED = 1_000


@dataclass(frozen=True)
class Sizes:
    """How many nights, and how many titles each."""

    nights: int
    changed: int
    titles: int
    set_name: str


FULL, SMALL = Sizes(60, 5, 5_000, "mlp_fast"), Sizes(2, 1, 500, "quick_mlp")


def watch(work: str, source: str, threads: int, sizes: dict[str, Any]) -> dict[str, Any]:
    """Trains the model, and compares nights; returns the alarms by night and by change, and the costs."""
    steps, wanted = Steps(Path(work), Path(source)), Sizes(**sizes)
    model = load_model(steps.train(catalog.resolve(wanted.set_name, QUICK)), threads=threads)
    before = profile_of(model, validation_titles(steps.listings / "listings.parquet", MOST_VALIDATION_TITLES)).profile
    rate = 1 / int(Settings.model_fields["monitoring_nights"].default)

    def alarms(rows: Night) -> list[str]:
        return _changed(before, profile_of(model, [row.title for row in rows]).profile, rate)

    generated = [night(number, wanted.titles) for number in range(wanted.nights)]
    clock = Clock()
    unchanged = [alarms(rows) for rows in generated]
    seconds, _ = clock.read()
    found = {}
    for what, (change, statistic) in CHANGES.items():
        changed = (change(night(FIRST_CHANGED + number, wanted.titles)) for number in range(wanted.changed))
        found[what] = [statistic in alarms(rows) for rows in changed]
    return {"validation": before.titles, "unchanged": unchanged, "noticed": found, "seconds": seconds / wanted.nights}


def _changed(before: TitleProfile, now: TitleProfile, rate: float) -> list[str]:
    comparisons: list[Comparison] = compare(before, now, rate)
    return [comparison.statistic.value for comparison in comparisons if comparison.changed]


def run(options: Options) -> list[Figure]:
    """Measures the part."""
    sizes = SMALL if options.small else FULL
    arguments = {
        "work": str(options.work),
        "source": str(titles_file(options)),
        "threads": options.threads,
        "sizes": asdict(sizes),
    }
    found, _ = run_isolated("benchmarks.bench_drift:watch", arguments, options.threads)
    (options.out / "drift.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    note = f"{titles_note(options)}, {found['validation']:,} validation titles, nights of {sizes.titles:,} titles"
    false = sum(bool(alarms) for alarms in found["unchanged"])
    figures = [
        Figure(f"false alarms in {sizes.nights} unchanged nights", false, "nights", target=at_most(0), note=note),
        Figure("a night: profile, predictions and comparison", found["seconds"], "s", note=note),
    ]
    for what, noticed in found["noticed"].items():
        part = sum(noticed) / len(noticed)
        changed = f"{len(noticed)} first nights, {note}"
        figures.append(
            Figure(f"noticed on the first night: {what}", part, "of nights", target=at_least(1), note=changed)
        )
    return figures
