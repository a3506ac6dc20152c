"""`meli sets` lists every set and explains each parameter of one."""

from __future__ import annotations

import pytest
import yaml

from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.core.hyperparameters import HyperparameterSet
from meli_tasks.planning.form import form_fields
from meli_tasks.sets import catalog as named_sets
from meli_tasks.settings import Settings
from tests.cli.program import document, here


def test_every_set_is_listed() -> None:
    rows = document("sets")
    assert [row["name"] for row in rows] == list(named_sets.names())
    assert {row["family"] for row in rows} == {"mlp", "cnn"}
    output = here("sets").stdout
    assert all(name in output for name in named_sets.names())


def test_a_set_is_explained_field_by_field() -> None:
    parameters = document("sets", "mlp")["parameters"]
    assert parameters["train.epochs"]["value"] == named_sets.load("mlp").train.epochs
    assert parameters["train.epochs"]["from"] == "mlp.yaml"
    assert parameters["train.gradient_clip"]["from"] == "default"
    assert all(field["description"] for field in parameters.values())
    assert "train.learning_rate" in here("sets", "mlp").stdout


def test_every_field_of_the_trigger_form_s_overrides_is_explained_by_its_name() -> None:
    fields = [name for name, field in form_fields(Settings()).items() if field["section"] == "Overrides"]
    assert set(fields) == set(document("sets", "mlp")["parameters"])


@pytest.mark.parametrize("name", named_sets.names())
def test_the_origin_of_every_value_is_correct(name: str) -> None:
    """A `default` is the default of the schema; any other origin is the file that sets the value."""
    for path, field in document("sets", name)["parameters"].items():
        section, _, key = path.partition(".")
        if field["from"] == "default":
            model = HyperparameterSet.model_fields[section].annotation
            default = model.model_fields[key].get_default()  # type: ignore[union-attr]
            assert field["value"] == (list(default) if isinstance(default, tuple) else default), path
        else:
            assert field["from"].removesuffix(".yaml") in named_sets.names()


def test_a_set_as_yaml_is_the_whole_set() -> None:
    values = yaml.safe_load(here("sets", "cnn", "--yaml").stdout)
    assert HyperparameterSet.model_validate(values) == named_sets.load("cnn")


def test_an_unknown_set_is_refused_with_the_nearest_name() -> None:
    error = here("sets", "quick_mpl").exception
    assert isinstance(error, BadHyperparameters)
    assert "quick_mlp" in str(error)
