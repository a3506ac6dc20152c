"""What a figure says of its target, and that it survives JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.apart import Cost
from benchmarks.figures import Figure, Options, at_least, at_most
from benchmarks.report import Outcome, table, write_results

FASTER = Figure("training", 120_000, "titles/s", baseline=30_000, target=at_least(4, "ratio"))


def test_the_ratio_is_the_value_over_the_baseline_unless_given() -> None:
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
def test_a_target_is_reached_on_its_side_and_by_its_own_number(figure: Figure, reached: bool | None) -> None:
    assert figure.reached is reached


def test_a_target_of_a_ratio_needs_a_ratio() -> None:
    with pytest.raises(ValueError, match=r"training: the target is of a ratio"):
        Figure("training", 120_000, "titles/s", target=at_least(4, "ratio"))


def test_figures_and_options_survive_json() -> None:
    options = Options(Path("/out"), Path("/work"), Path("/titles.csv"), rows=(50, 500), seeds=(3,), small=True)
    assert Options.from_json(json.loads(json.dumps(options.to_json()))) == options
    for figure in (FASTER, Figure("a title", 5.0, "ms", note="quiet")):
        assert Figure.from_json(json.loads(json.dumps(figure.to_json()))) == figure


def test_the_results_hold_every_part_and_replace_what_was_there(tmp_path: Path) -> None:
    options = Options(tmp_path, tmp_path)
    outcomes = [Outcome("training", options, [FASTER], Cost(2.0, 1.5, 300.0)), Outcome("peers", options, failure="why")]
    path = tmp_path / "results.json"
    write_results(path, {"cores": 2}, outcomes[:1])
    write_results(path, {"cores": 2}, outcomes)
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert [file.name for file in tmp_path.iterdir()] == ["results.json"]
    assert stored["machine"] == {"cores": 2}
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
    parts = [("training", [FASTER]), ("predict", [missed, accuracy])]
    options = Options(Path(), Path())
    outcomes = [Outcome(part, options, figures, Cost(1, 1, 1)) for part, figures in parts]
    console.print(table([*outcomes, Outcome("peers", options, failure="why")]))
    shown = console.export_text()
    assert "120,000 titles/s" in shown and "30,000 titles/s" in shown and "4.00 x" in shown
    assert "at least 4 x: reached" in shown
    assert "6.25 ms" in shown and "at most 5: not reached" in shown
    assert "0.9472" in shown and "seed 1" in shown
    assert "failed, see above" in shown
