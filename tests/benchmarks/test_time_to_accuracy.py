"""The time to fastText's accuracy, reached or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.bench_peers import Ours, Peer, Preparation, Results, times_to_fasttext
from benchmarks.figures import Options
from benchmarks.isolated import Cost
from benchmarks.steps import Point

COST = Cost(1.0, 1.0, 100.0)
FASTTEXT = Peer("fastText", seconds=30.0, cpu_seconds=20.0, validation=0.90, test=0.91, peak_megabytes=100.0)
EPOCHS = [Point(2.0, 4.0, 0.85), Point(4.0, 8.0, 0.90), Point(6.0, 12.0, 0.93)]
SECONDS_OF_PREPARATION = {"mlp": 5.0, "mlp_fast": 1.0, "cnn": 5.0}


def results(default: list[Point], fast: list[Point]) -> Results:
    return Results(
        Options(Path(), Path()),
        seeds=(1,),
        preparations={name: Preparation(cpu, 100.0, "", "") for name, cpu in SECONDS_OF_PREPARATION.items()},
        peers=[FASTTEXT],
        ours={"mlp": [Ours(default, "", COST)], "mlp_fast": [Ours(fast, "", COST)], "cnn": []},
        test={},
    )


def test_the_first_epoch_that_is_as_good_counts_with_and_without_the_preparation() -> None:
    figures = {figure.name: figure for figure in times_to_fasttext(results(EPOCHS, EPOCHS[:2]))}
    alone = figures["`mlp`: training to fastText's accuracy"]
    whole = figures["`mlp`: the same with preprocess and embed"]
    assert (alone.value, alone.baseline, alone.ratio, alone.reached) == (8.0, 20.0, 0.4, True)
    assert (whole.value, whole.ratio, whole.reached) == (13.0, pytest.approx(0.65), False)
    assert "wall time 4.0 s, fastText 30.0 s" in alone.note
    fast = figures["`mlp_fast`: the same with preprocess and embed"]
    assert (fast.value, fast.reached) == (9.0, True)


def test_never_reaching_it_is_a_missed_target_not_a_missing_line() -> None:
    figures = times_to_fasttext(results(EPOCHS[:1], EPOCHS))
    (missed,) = [figure for figure in figures if "never reaches" in figure.name]
    assert (missed.value, missed.baseline, missed.reached) == (0.85, 0.90, False)
