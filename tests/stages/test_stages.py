"""The list of stages: light to import, complete, and every module follows the one call signature."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing

import pytest

from meli_tasks.cli.run import Until
from meli_tasks.core.hyperparameters import HyperparameterSet
from meli_tasks.sets.catalog import SECTIONS
from meli_tasks.stages import STAGES
from meli_tasks.stages.hooks import Hooks

HEAVY = ("torch", "pandas", "pyarrow", "polars", "gensim", "mlflow", "matplotlib")


def test_importing_the_list_loads_nothing_heavy() -> None:
    code = f"import sys, meli_tasks.stages; print([name for name in {HEAVY} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_takes_its_section_and_returns_its_summary(name: str) -> None:
    spec = STAGES[name]
    run = spec.load().run
    types = typing.get_type_hints(run)
    assert list(inspect.signature(run).parameters) == ["inputs", "out", "params", "hooks"]
    assert (types["params"], types["hooks"], types["return"]) == (spec.params, Hooks, spec.summary)


def test_the_lists_of_stages_agree() -> None:
    assert [stage.value for stage in Until] == [*STAGES, "all"]
    assert [name for name in HyperparameterSet.model_fields if name in STAGES] == list(SECTIONS)
    assert {name: spec.name for name, spec in STAGES.items()} == {name: name for name in STAGES}
