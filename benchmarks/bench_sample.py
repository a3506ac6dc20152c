"""Rows a second of the sample's generator, in processor time of one core, beside a plain baseline.

The baseline makes the cheapest titles there could be: six random words of one list, joined. Ratios travel between
machines, rates do not.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable

WORDS = ("zapatillas", "nike", "negro", "talle", "funda", "silicona", "celular", "original", "oferta", "mesa", "kit")


def plain(rows: int) -> int:
    """Titles of six random words, with the random module."""
    choose = random.Random(1).choices
    return sum(bool(" ".join(choose(WORDS, k=6))) for _ in range(rows))


def generated(rows: int) -> int:
    """The sample's rows."""
    from meli_tasks.core.sample import sample

    return sum(len(chunk["title"]) for chunk in sample(rows))


def rate(make: Callable[[int], int], rows: int, rounds: int) -> float:
    """The best of some rounds, in rows a second of processor time."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        assert make(rows) == rows
        best = min(best, time.process_time() - start)
    return rows / best


def main() -> None:
    """Measures and prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    generated(1)
    sample_rate = rate(generated, arguments.rows, arguments.rounds)
    plain_rate = rate(plain, arguments.rows, arguments.rounds)
    print(
        json.dumps(
            {
                "rows": arguments.rows,
                "sample_rows_per_second": round(sample_rate),
                "plain_rows_per_second": round(plain_rate),
                "ratio": round(sample_rate / plain_rate, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
