"""Part `sample`: rows per CPU second of the sample generator, on one core, compared with a plain baseline.

The baseline makes the cheapest titles possible: six random words of one list, joined. Ratios hold across machines,
rates do not.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from benchmarks.figures import Figure, Options
from meli_tasks.core.sample.generator import sample

WORDS = ("zapatillas", "nike", "negro", "talle", "funda", "silicona", "celular", "original", "oferta", "mesa", "kit")
ROWS = 500_000
SMALL_ROWS = 5_000
ROUNDS = 3


def plain(rows: int) -> int:
    """Makes titles of six random words with the random module."""
    choose = random.Random(1).choices
    return sum(bool(" ".join(choose(WORDS, k=6))) for _ in range(rows))


def generated(rows: int) -> int:
    """Makes the rows of the sample."""
    return sum(len(chunk["title"]) for chunk in sample(rows))


def rate(make: Callable[[int], int], rows: int) -> float:
    """Rows per CPU second, the best of several rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        if (made := make(rows)) != rows:
            raise RuntimeError(f"{make.__name__} made {made} rows instead of {rows}")
        best = min(best, time.process_time() - start)
    return rows / best


def run(options: Options) -> list[Figure]:
    """One figure per size."""
    generated(1)
    sizes = options.rows or (SMALL_ROWS if options.small else ROWS,)
    return [
        Figure(f"sample of {rows:,} rows", rate(generated, rows), "rows/CPU-s", baseline=rate(plain, rows))
        for rows in sizes
    ]
