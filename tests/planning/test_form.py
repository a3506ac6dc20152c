"""The trigger form: sections, a field a parameter, widgets that Airflow can draw, values that plan accepts."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from meli_tasks.planning.form import form_fields
from meli_tasks.planning.request import Request
from meli_tasks.sets import catalog as named_sets
from meli_tasks.settings import Settings

SETTINGS = Settings(sets="mlp,quick_cnn")
FIELDS = form_fields(SETTINGS)


def test_the_sections_are_in_order_and_hold_every_parameter() -> None:
    assert list(dict.fromkeys(field["section"] for field in FIELDS.values())) == [
        "Data", "Sets", "Overrides", "Search", "Promotion",
    ]  # fmt: skip
    assert set(FIELDS) == (set(Request.model_fields) - {"overrides"}) | set(named_sets.parameters())


def test_an_override_is_empty_and_describes_its_range_and_the_values_of_the_sets() -> None:
    field = FIELDS["train.epochs"]
    assert (field["default"], field["type"], field["minimum"]) == (None, ["integer", "null"], 1)
    assert "a whole number from 1 to 10000" in field["description"]
    assert f"(mlp: {named_sets.load('mlp').train.epochs}, quick_cnn: " in field["description"]


def test_every_set_is_offered_with_a_line_of_its_own() -> None:
    assert FIELDS["sets"]["default"] == ["mlp", "quick_cnn"]
    assert FIELDS["sets"]["examples"] == list(named_sets.names())
    assert all(len(line) > len(name) + 10 for name, line in FIELDS["sets"]["values_display"].items())


def test_no_field_needs_a_choice_between_schemas_which_airflow_cannot_draw() -> None:
    assert [name for name, field in FIELDS.items() if "anyOf" in field or "type" not in field] == []


def test_optional_fields_allow_null_or_airflow_would_require_them() -> None:
    empty = [name for name, field in FIELDS.items() if field["default"] in (None, "")]
    assert {"date_column", "as_of", "train.epochs"} <= set(empty)
    assert [name for name in empty if "null" not in FIELDS[name]["type"]] == []


def test_the_form_sent_untouched_is_a_request() -> None:
    sent = {name: field["default"] for name, field in FIELDS.items()}
    for name, value in sent.items():
        jsonschema.validate(value, FIELDS[name])
    assert Request.check(sent, SETTINGS) == Request.check({}, SETTINGS)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("train.hidden", "256,128", True),
        ("train.hidden", "[256, 128]", True),
        ("train.hidden", "wide", False),
        ("train.dropout", 0.2, True),
        ("train.dropout", 1, False),
        ("train.learning_rate", 0, False),
        ("train.optimizer", "adam", True),
        ("train.optimizer", "sgd", False),
        ("train.sigmoid_before_loss", True, True),
        ("embed.path", "s3://bucket/vectors.txt.gz", True),
    ],
)
def test_the_form_allows_what_the_sets_allow(name: str, value: Any, allowed: bool) -> None:
    validator = jsonschema.Draft202012Validator(FIELDS[name])
    assert validator.is_valid(value) is allowed
    if allowed:
        named_sets.resolve("mlp", {name: value})
