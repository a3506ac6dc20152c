"""Part `wide`: one run with very many categories, and one with very many sets.

    python -m benchmarks wide                        # 500 and 2,000 categories; 50 and 200 sets
    python -m benchmarks wide --rows 100,200         # 100 and 200 of both

Each run is whole, with the smallest networks, trained for an epoch: two quick sets on twenty titles of each category,
and quick sets that differ in their seed on 600 generated titles. Figures of the larger size have those of the smaller
one as their baseline: what grows with the square of the size has a ratio of 16.
"""

from __future__ import annotations

import csv
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from typing_extensions import override

from benchmarks.figures import Figure, Options, at_most
from meli_tasks.artifacts import paths
from meli_tasks.local_run import LocalRun, new_run_id
from meli_tasks.pages import Pages, RunFilter
from meli_tasks.pages.models import PageModel
from meli_tasks.planning.preview import Preview
from meli_tasks.run_outcome import StepReport, StepReporter
from meli_tasks.sets import stored
from meli_tasks.settings import Settings
from meli_tasks.store import Store

CATEGORIES, SETS, SMALL = (500, 2_000), (50, 200), (5, 10)
TITLES = 20
"""Of each category."""
SHARED_WORDS = 2_000
COMPARED = 8
SECOND = at_most(1.0)
DAY = date(2026, 11, 20)
ONE_EPOCH: dict[str, Any] = {"overrides": {"train.epochs": 1}}


class Stages(StepReporter):
    """Adds up the CPU time of each stage."""

    def __init__(self) -> None:
        self.cpu: dict[str, float] = defaultdict(float)
        self._start = 0.0

    @override
    def planned(self, preview: Preview) -> None:
        pass

    @override
    def started(self, stage: str, name: str) -> None:
        self._start = time.process_time()

    @override
    def finished(self, step: StepReport) -> None:
        self.cpu[step.stage] += time.process_time() - self._start


def write_titles(path: Path, categories: int) -> None:
    """Write titles: two of the four words of their category, and four that all categories share."""
    drawn = random.Random(1)
    syllables = [consonant + vowel for consonant in "bcdfglmnprstvz" for vowel in "aeiou"]

    def words(number: int) -> list[str]:
        return ["".join(drawn.choices(syllables, k=3)) for _ in range(number)]

    shared = words(SHARED_WORDS)
    rows = []
    for category in range(categories):
        own = words(4)
        for _ in range(TITLES):
            title = " ".join(drawn.sample(own, 2) + drawn.sample(shared, 4))
            rows.append([title, f"CATEGORY_{category:05}", "spanish", "reliable"])
    drawn.shuffle(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["title", "category", "language", "label_quality"], *rows])


def write_sets(store: Store, number: int) -> list[str]:
    """Write sets that differ in their seed, by turns of both families."""
    names = []
    for each in range(number):
        names.append(f"tiny_{each:04}")
        family = "quick_mlp" if each % 2 else "quick_cnn"
        values = {"extends": family, "title": names[-1], "train": {"seed": each + 1, "epochs": 1}}
        stored.write(store, names[-1], values, {"by": "benchmark"})
    return names


def settings_in(folder: Path) -> Settings:
    """The settings of a store of its own."""
    values = {"MELI_STORE": (folder / "store").as_uri(), "MELI_CACHE": str(folder / "cache"), "MELI_HOME": str(folder)}
    return Settings.from_environment({**values, "MELI_DEVICE": "cpu", "MELI_THREADS": "1"})


def whole_run(settings: Settings, request: dict[str, Any]) -> Iterator[tuple[str, float, str]]:
    """Run, and look at it: each figure with its unit."""
    stages = Stages()
    run = LocalRun(stages, new_run_id(), settings)
    start = time.process_time()
    run.go(request, DAY, "promote")
    if run.failed or run.plan is None:
        raise RuntimeError("; ".join(run.failed.values()))
    yield "the whole run", time.process_time() - start, "CPU-s"
    yield from ((f"stage {stage}", seconds, "CPU-s") for stage, seconds in stages.cpu.items())
    store, plan = settings.open_store(), run.plan
    for what, name in {
        "report": paths.report(plan.name),
        "figures beside the plan": paths.evaluated(plan.name),
    }.items():
        yield what, (store.size(name) or 0) / 1e3, "kB"
    yield "plan", (store.size(plan.name) or 0) / 1e3, "kB"
    yield from _pages(store, plan.name)


def _pages(store: Store, plan: str) -> Iterator[tuple[str, float, str]]:
    pages = Pages(store)
    models = [row.id for row in pages.models(RunFilter()).rows]
    looks: dict[str, Callable[[], PageModel]] = {
        "page Models": lambda: pages.models(RunFilter()),
        "page of the run": lambda: pages.run(plan),
        "page of a model": lambda: pages.model(models[0]),
        "comparison": lambda: pages.comparison(models[:COMPARED]),
        "confusions": lambda: pages.confusions(models[0]),
    }
    for name, look in looks.items():
        start = time.process_time()
        size = len(json.dumps(look().model_dump(mode="json")))
        yield f"{name}, cold", time.process_time() - start, "CPU-s"
        yield name, size / 1e3, "kB"


def run(options: Options) -> list[Figure]:
    """The figures of the larger size of each kind, with those of the smaller one."""
    sizes = options.rows[:2] or (SMALL if options.small else ())
    figures: list[Figure] = []
    for kind, (small, large) in {"categories": sizes or CATEGORIES, "sets": sizes or SETS}.items():
        found = []
        for size in (small, large):
            folder = options.work / f"{size}-{kind}"
            folder.mkdir(parents=True)
            settings = settings_in(folder)
            if kind == "categories":
                write_titles(folder / "titles.csv", size)
                request = {"source": str(folder / "titles.csv"), "sets": ["quick_mlp", "quick_cnn"], **ONE_EPOCH}
            else:
                request = {"source": "sample:rows=600,seed=1", "sets": write_sets(settings.open_store(), size)}
            found.append(list(whole_run(settings, {**request, "promotion": "auto"})))
        figures += [
            Figure(
                f"{large:,} {kind}: {name}",
                value,
                unit,
                baseline=before,
                target=SECOND if name.endswith(", cold") else None,
                note=f"the baseline is of {small:,}",
            )
            for (_, before, _), (name, value, unit) in zip(*found, strict=True)
        ]
    return figures
