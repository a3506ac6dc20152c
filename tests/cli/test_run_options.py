"""The options of `meli run`, and the line that describes its progress."""

from __future__ import annotations

from pathlib import Path

import pytest

from meli_tasks.cli import run as run_module
from meli_tasks.cli.options import overrides
from meli_tasks.cli.run_report import describe, figures_of
from meli_tasks.core.errors import BadHyperparameters
from tests.cli.program import here


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MELI_STORE", (tmp_path / "store").as_uri())


def test_overrides_are_yaml_and_accept_numbers_in_scientific_notation() -> None:
    given = ["train.epochs=5", "train.hidden=[256, 128]", "train.learning_rate=1e-3", "train.keep=last", "embed.path="]
    assert overrides(given) == {
        "train.epochs": 5,
        "train.hidden": [256, 128],
        "train.learning_rate": 0.001,
        "train.keep": "last",
        "embed.path": None,
    }
    for wrong in ("train.epochs", "=5", "train.hidden=[1,"):
        with pytest.raises(BadHyperparameters, match="--override"):
            overrides([wrong])


def test_progress_is_described_in_one_line() -> None:
    progress = {"epoch": 3, "epochs": 10, "loss": 0.51234, "titles_per_second": 54321.0, "seconds_left": 75.0}
    assert describe(progress) == "epoch 3/10, loss 0.5123, 54,321 titles/s, 1 min 15 s left"
    assert describe({"model": "champion", "titles": 4, "of_titles": 9}) == "model champion, titles 4/9"
    coverage = {"words": 0.0004, "vocabulary": 0.5}
    assert figures_of("embed", {"words": 9, "dimensions": 3, "coverage": coverage}) == (
        "words 9, dimensions 3, coverage 0.0%"
    )
    assert figures_of("ingest", {"rows": 12_000, "bad_rows": 2, "fingerprint": "ab"}) == "rows 12,000, bad rows 2"


def test_any_parameter_of_the_form_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, object]] = []
    monkeypatch.setattr(run_module, "_run", lambda params, *_: given.append(params))
    options = ("--golden", "keep.csv", "--param", "min_gain=0.002", "--param", "promotion=approval")
    assert here("run", "all", *options).exit_code == 0
    assert {name: given[0][name] for name in ("golden", "min_gain", "promotion")} == {
        "golden": "keep.csv", "min_gain": 0.002, "promotion": "approval",
    }  # fmt: skip


def test_a_parameter_that_does_not_exist_is_refused_with_the_nearest() -> None:
    result = here("run", "ingest", "--param", "min_gian=0.002")
    assert result.exit_code == 1
    assert "There is no parameter 'min_gian': did you mean 'min_gain'?" in str(result.exception)
    for wrong, message in (("min_gain", "does not have the form name=value"), ("min_gain=[", "is not valid YAML")):
        assert f"--param '{wrong}'" in (found := str(here("run", "ingest", "--param", wrong).exception))
        assert message in found
