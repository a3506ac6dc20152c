"""Part `gate`: how often the promotion gate is wrong, on simulated nights that the product's own code decides on.

    python -m benchmarks gate --json

False promotions at equal accuracy, power for a truly better model, the same with folds on all titles, a year of nights
on unchanged test titles, and the gate for lost categories. benchmarks/gate_world.py says how models are simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from os import cpu_count

import numpy as np

from benchmarks.figures import Figure, Options, Target, at_least, at_most
from benchmarks.gate_nights import Nights, challengers, first_night, results_of
from benchmarks.gate_world import ACCURACY, OWN_ERRORS, World, sizes_of_all_titles, sizes_of_test_split
from meli_tasks.core.stage_parameters import Promote
from meli_tasks.stages.deciding.gates import category_gate

CHALLENGERS = (1, 3, 8)
LEVEL = 0.05
FINAL_NIGHTS = 20
"""Challengers that are one point better, tried at the end of each year."""


@dataclass(frozen=True)
class Sizes:
    """How often each simulation is repeated."""

    equal: int = 4_000
    better: int = 2_000
    folds: int = 300
    years: int = 24
    nights: int = 365
    categories: int = 2_000


FULL, SMALL = Sizes(), Sizes(equal=40, better=40, folds=4, years=2, nights=12, categories=40)


def promotions(own_error: float, number: int, accuracy: float, folds: bool, repetitions: int, seed: int) -> list[bool]:
    """Whether each of some first nights promotes one of `number` challengers of this true accuracy."""
    random = np.random.default_rng(seed)
    sizes = sizes_of_all_titles() if folds else sizes_of_test_split()
    found = (first_night(World(sizes, own_error, random), number, accuracy, random) for _ in range(repetitions))
    return [decision.promoted is not None for decision in found]


@dataclass(frozen=True)
class Year:
    """A year of nights with challengers as good as the champion, and then some with one that is a point better."""

    shown: float
    """The champion's displayed figure minus its true one."""
    measured: float
    """Its measured figure minus its true one."""
    promoted: float
    """Fraction of nights with a promotion, all of them false."""
    power: float
    """Fraction of the better challengers that would be promoted."""


def years(own_error: float, number: int, nights: int, repetitions: int, seed: int) -> list[Year]:
    """Some years on unchanged test titles."""
    random, found = np.random.default_rng(seed), []
    for _ in range(repetitions):
        test, validation = (World(sizes_of_test_split(), own_error, random) for _ in range(2))
        year = Nights(test, test.model())
        promoted = [year.pass_night(challengers(test, validation, number)).promoted is not None for _ in range(nights)]
        last = [year.decide(challengers(test, validation, 1, ACCURACY + 0.01)) for _ in range(FINAL_NIGHTS)]
        true = test.expected()
        power = np.mean([decision.promoted is not None for decision in last])
        measured = test.balanced(year.champion) - true
        found.append(Year(year.shown - true, measured, float(np.mean(promoted)), float(power)))
    return found


def blocks(own_error: float, by_category: float, lost: int, of: int, repetitions: int, seed: int) -> list[bool]:
    """Whether the gate for lost categories blocks an equally good challenger that loses `lost` titles of one of `of`.

    With 0 of 0, no category is touched, so that every block is false. Else the category must be named.
    """
    random, found = np.random.default_rng(seed), []
    for _ in range(repetitions):
        test = World(sizes_of_test_split(), own_error, random, by_category)
        champion, challenger = test.model(), test.model()
        category = int(random.choice(np.flatnonzero(test.sizes == of))) if of else -1
        titles = np.flatnonzero(test.labels == category)
        champion[titles] = challenger[titles] = True
        challenger[titles[:lost]] = False
        results = results_of(test, {"champion": champion, "challenger": challenger}, {})
        gate = category_gate("champion", "challenger", results, Promote())
        named = not of or gate.detail.startswith(f"C{category} loses {lost} of {of} titles")
        found.append(gate.passed is False and named)
    return found


Tasks = dict[str, tuple[Callable[[], list[bool] | list[Year]], Target | None]]
"""By the name of the figure, what to simulate and the target of the rate; None for years, which have other figures."""


def run(options: Options) -> list[Figure]:
    """Simulate in as many processes as there are cores."""
    sizes = SMALL if options.small else FULL
    tasks = {**_rate_tasks(sizes), **_fold_tasks(sizes), **_block_tasks(sizes), **_year_tasks(sizes)}
    with ProcessPoolExecutor(cpu_count(), mp_context=get_context("spawn")) as processes:
        futures = {name: processes.submit(task) for name, (task, _) in tasks.items()}
        figures = [_rate(name, futures[name].result(), target) for name, (_, target) in tasks.items() if target]
        found = {name: futures[name].result() for name, (_, target) in tasks.items() if target is None}
    first = {kind: _value(figures, f"power for +1.0 point, {kind}") for kind in OWN_ERRORS}
    return figures + [figure for kind, each in found.items() for figure in _year_figures(kind, each, first[kind])]


def _rate_tasks(sizes: Sizes) -> Tasks:
    tasks: Tasks = {}
    for place, (kind, own_error) in enumerate(OWN_ERRORS.items()):
        for number in CHALLENGERS:
            task = partial(promotions, own_error, number, ACCURACY, False, sizes.equal, 100 * place + number)
            tasks[f"false promotions, {number} {kind}"] = (task, at_most(LEVEL))
        target = {"similar": 0.9, "unlike": 0.4}.get(kind, 0.0)
        task = partial(promotions, own_error, 1, ACCURACY + 0.01, False, sizes.better, 1_000 + place)
        tasks[f"power for +1.0 point, {kind}"] = (task, at_least(target))
    return tasks


def _fold_tasks(sizes: Sizes) -> Tasks:
    tasks: Tasks = {}
    for points, targets in ((1.0, (0.99, 0.95)), (0.5, (0.95, 0.6))):
        for kind, target in zip(("similar", "unlike"), targets, strict=True):
            accuracy = ACCURACY + points / 100
            task = partial(promotions, OWN_ERRORS[kind], 1, accuracy, True, sizes.folds, round(2_000 + 10 * points))
            tasks[f"with folds: power for +{points} points, {kind}"] = (task, at_least(target))
    return tasks


def _block_tasks(sizes: Sizes) -> Tasks:
    tasks: Tasks = {}
    for kind, own_error in OWN_ERRORS.items():
        for by_category in (0.0, 0.3):
            varied = ", categories of unlike difficulty" if by_category else ""
            task = partial(blocks, own_error, by_category, 0, 0, sizes.categories, 3_000)
            tasks[f"category gate: false blocks, {kind}{varied}"] = (task, at_most(0.01))
        for lost, of in ((6, 8), (12, 12)):
            task = partial(blocks, own_error, 0.0, lost, of, sizes.categories // 4, 3_001)
            tasks[f"category gate: {lost} of {of} lost is blocked, {kind}"] = (task, at_least(0.95))
    return tasks


def _year_tasks(sizes: Sizes) -> Tasks:
    return {
        kind: (partial(years, own_error, 3, sizes.nights, sizes.years, 4_000), None)
        for kind, own_error in OWN_ERRORS.items()
    }


def _rate(name: str, outcomes: Sequence[object], target: Target) -> Figure:
    value = float(np.mean(np.array(outcomes, np.float64)))
    error = float(np.sqrt(value * (1 - value) / len(outcomes)))
    return Figure(name, round(value, 4), "", target=target, note=f"± {error:.4f}, {len(outcomes):,} repetitions")


def _year_figures(kind: str, found: Sequence[object], first: float) -> list[Figure]:
    done = [year for year in found if isinstance(year, Year)]
    shown, measured, promoted, power = (
        float(np.mean([getattr(year, name) for year in done])) for name in ("shown", "measured", "promoted", "power")
    )
    spread = float(np.std([year.shown for year in done]) / np.sqrt(len(done)))
    name = f"after a year, {kind}"
    return [
        Figure(
            f"{name}: shown minus true accuracy",
            round(shown, 5),
            "",
            target=at_most(0.002),
            note=f"± {spread:.5f}, {len(done)} years; as measured {measured:.5f}",
        ),
        Figure(
            f"{name}: power for +1.0 point",
            round(power, 3),
            "",
            baseline=first,
            target=at_least(0.8, "ratio"),
            note=f"first night {first:.3f}",
        ),
        Figure(f"{name}: false promotions a night", round(promoted, 4), "", target=at_most(LEVEL)),
    ]


def _value(figures: Sequence[Figure], name: str) -> float:
    return next(figure.value for figure in figures if figure.name == name)
