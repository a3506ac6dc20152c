"""What is told of the time to fastText's accuracy, reached or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.apart import Cost
from benchmarks.bench_peers import Measured, Ours, Peer, times_to_fasttext
from benchmarks.figures import Options

COST = Cost(1.0, 1.0, 100.0)
FASTTEXT = Peer("fastText", {"seconds": 30.0, "cpu_seconds": 20.0, "validation": 0.90, "test": 0.91}, COST)
EPOCHS = [(2.0, 4.0, 0.85), (4.0, 8.0, 0.90), (6.0, 12.0, 0.93)]


def measured(default: list[tuple[float, float, float]], fast: list[tuple[float, float, float]]) -> Measured:
    return Measured(
        Options(Path(), Path()),
        seeds=(1,),
        preparation={"mlp": 5.0, "mlp_fast": 1.0, "cnn": 5.0},
        preparing_megabytes={},
        peers=[FASTTEXT],
        ours={"mlp": [Ours(default, "", COST)], "mlp_fast": [Ours(fast, "", COST)], "cnn": []},
        test={},
    )


def test_it_is_the_first_epoch_that_is_as_good_with_and_without_what_comes_before() -> None:
    seen = {figure.name: figure for figure in times_to_fasttext(measured(EPOCHS, EPOCHS[:2]))}
    alone = seen["`mlp`: training until fastText's accuracy"]
    whole = seen["`mlp`: the same with preprocess and embed"]
    assert (alone.value, alone.baseline, alone.ratio, alone.reached) == (8.0, 20.0, 0.4, True)
    assert (whole.value, whole.ratio, whole.reached) == (13.0, pytest.approx(0.65), False)
    assert "by the clock 4.0 s, fastText 30.0 s" in alone.note
    fast = seen["`mlp_fast`: the same with preprocess and embed"]
    assert (fast.value, fast.reached) == (9.0, True)


def test_what_never_gets_there_is_a_missed_target_not_a_missing_line() -> None:
    figures = times_to_fasttext(measured(EPOCHS[:1], EPOCHS))
    (missed,) = [figure for figure in figures if "never reaches" in figure.name]
    assert (missed.value, missed.baseline, missed.reached) == (0.85, 0.90, False)
