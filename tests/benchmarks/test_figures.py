"""Figures and their targets, the JSON round trip, and the table."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.figures import Figure, Options, at_least, at_most
from benchmarks.isolated import Cost
from benchmarks.machine import Machine
from benchmarks.report import Outcome, read_results, table, write_results

FASTER = Figure("training", 120_000, "titles/s", baseline=30_000, target=at_least(4, "ratio"))


def test_the_default_ratio_is_value_over_baseline() -> None:
    assert FASTER.ratio == 4
    assert Figure("load", 20.0, "s", baseline=100.0, ratio=5.0).ratio == 5
    assert Figure("load", 20.0, "s").ratio is None


@pytest.mark.parametrize(
    ("figure", "reached"),
    [
        (FASTER, True),
        (Figure("training", 119_000, "titles/s", baseline=30_000, target=at_least(4, "ratio")), False),
        (Figure("a title", 5.0, "ms", target=at_most(5)), True),
        (Figure("a title", 5.1, "ms", target=at_most(5)), False),
        (Figure("a title", 5.1, "ms"), None),
    ],
)
def test_a_target_is_reached_on_its_side_and_by_the_bound_itself(figure: Figure, reached: bool | None) -> None:
    assert figure.reached is reached


def test_a_ratio_target_needs_a_ratio() -> None:
    with pytest.raises(ValueError, match=r"training: the target is a ratio"):
        Figure("training", 120_000, "titles/s", target=at_least(4, "ratio"))


def test_figures_and_options_survive_json() -> None:
    options = Options(Path("/out"), Path("/work"), Path("/titles.csv"), rows=(50, 500), seeds=(3,), small=True)
    assert Options.from_json(json.loads(json.dumps(options.to_json()))) == options
    for figure in (FASTER, Figure("a title", 5.0, "ms", note="quiet")):
        assert Figure.from_json(json.loads(json.dumps(figure.to_json()))) == figure


def test_results_hold_every_part_and_replace_the_previous_file(tmp_path: Path) -> None:
    options = Options(tmp_path, tmp_path)
    outcomes = [
        Outcome("training", options, (FASTER,), Cost(2.0, 1.5, 300.0)),
        Outcome("peers", options, failure="why"),
    ]
    path = tmp_path / "results.json"
    machine = Machine("2026-11-22", "079e841", False, "some make", cores=2, load_before=0.5)
    write_results(path, machine, outcomes[:1])
    write_results(path, machine, outcomes)
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert [file.name for file in tmp_path.iterdir()] == ["results.json"]
    assert stored["machine"]["cores"] == 2
    assert read_results(path) == (machine, outcomes)
    training, peers = stored["parts"]
    assert training["figures"][0] | {"note": ""} == {
        "name": "training", "value": 120_000, "unit": "titles/s", "baseline": 30_000, "ratio": 4.0,
        "target": {"bound": "at least", "number": 4, "of": "ratio"}, "note": "", "reached": True,
    }  # fmt: skip
    assert training["cost"] == {"seconds": 2.0, "cpu_seconds": 1.5, "peak_megabytes": 300.0}
    assert (peers["failure"], peers["cost"], peers["figures"]) == ("why", None, [])


def test_the_table_shows_figures_targets_and_failures() -> None:
    console = Console(width=140, file=io.StringIO(), record=True)
    missed = Figure("a title, p95", 6.25, "ms", target=at_most(5))
    accuracy = Figure("test", 0.94719, "balanced accuracy", note="seed 1")
    parts = [("training", (FASTER,)), ("predict", (missed, accuracy))]
    options = Options(Path(), Path())
    outcomes = [Outcome(part, options, figures, Cost(1, 1, 1)) for part, figures in parts]
    console.print(table([*outcomes, Outcome("peers", options, failure="why")]))
    output = console.export_text()
    assert "120,000 titles/s" in output and "30,000 titles/s" in output and "4.00 x" in output
    assert "at least 4 x: reached" in output
    assert "6.25 ms" in output and "at most 5: not reached" in output
    assert "0.9472" in output and "seed 1" in output
    assert "failed, see above" in output
