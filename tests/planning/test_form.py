"""The trigger form: sections, a field a parameter, widgets that Airflow can draw, values that plan accepts."""

from __future__ import annotations

from typing import Any, get_args

import jsonschema
import pytest

from meli_tasks.backfill.request import backfill_form_fields
from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.planning.form import OPEN, Form, form_fields
from meli_tasks.planning.request import SUMMARY, Request
from meli_tasks.sets import catalog as named_sets
from meli_tasks.settings import Settings

SETTINGS = Settings(sets="mlp,quick_cnn")
FIELDS = form_fields(SETTINGS)


def test_the_sections_are_in_order_and_hold_every_parameter() -> None:
    assert list(dict.fromkeys(field["section"] for field in FIELDS.values())) == [
        "Run Parameters", "Data", "Overrides", "Models", "Search", "Promotion",
    ]  # fmt: skip
    assert set(FIELDS) == (set(Request.model_fields) - {"overrides"}) | set(named_sets.parameters()) | {SUMMARY}


def test_what_is_chosen_most_often_is_in_the_section_that_airflow_opens() -> None:
    opened = [name for name, field in FIELDS.items() if field["section"] == OPEN]
    assert opened == [SUMMARY, "source", "as_of", "sets", "stored_sets", "promotion"]


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


def test_an_override_is_titled_by_section_and_name_in_its_own_section() -> None:
    field = FIELDS["train.batch_size"]
    assert (field["title"], field["section"]) == ("Train: batch size", "Overrides")
    assert field["description"].endswith(").")
    assert " Empty: the value of each set (mlp: " in field["description"]


def test_a_parameter_of_the_run_is_titled_and_described_with_its_range() -> None:
    field = FIELDS["window_days"]
    assert (field["title"], field["section"], field["default"]) == ("Window days", "Data", 1)
    assert (field["type"], field["minimum"], field["maximum"]) == ("integer", 1, 3660)
    description = str(Request.model_fields["window_days"].description).removesuffix(".")
    assert field["description"] == f"{description} (a whole number from 1 to 3660). Default: 1."
    choice = FIELDS["language"]
    assert choice["enum"] == ["any", "spanish", "portuguese"]
    assert choice["description"] == "Keep only titles in this language. Default: any."
    assert FIELDS["ensemble"]["description"].endswith(" Default: on.")
    assert FIELDS["search_minutes"]["description"].endswith(" Default: 0.")


def test_the_overrides_start_with_those_that_are_changed_most_often() -> None:
    overrides = [name for name, field in FIELDS.items() if field["section"] == "Overrides"]
    assert overrides[:4] == ["train.epochs", "train.learning_rate", "train.batch_size", "train.dropout"]
    assert len(set(overrides)) == len(overrides) == len(named_sets.parameters())


@pytest.mark.parametrize("fields", [FIELDS, backfill_form_fields(SETTINGS)], ids=["training", "backfill"])
def test_every_option_of_every_choice_is_explained(fields: Form) -> None:
    choices = {name: field for name, field in fields.items() if "enum" in field}
    assert len(choices) > 12
    for name, field in choices.items():
        options = [option for option in field["enum"] if option is not None]
        assert set(field["values_display"]) - {"null"} == set(options), name
        assert all(field["values_display"][option].startswith(f"{option}: ") for option in options)


@pytest.mark.parametrize("fields", [FIELDS, backfill_form_fields(SETTINGS)], ids=["training", "backfill"])
def test_every_field_has_a_sentence_and_every_number_its_default(fields: Form) -> None:
    for name, field in fields.items():
        text = field.get("description") or field["description_md"]
        assert text.endswith("."), name
        assert len(text) > 20, name
        if field["default"] not in (None, "", {}) and name != "sets":
            assert f"Default: {wording(field['default'])}." in text, name


def wording(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_the_summary_on_top_says_what_the_untouched_form_does_and_sends_nothing() -> None:
    name, field = next(iter(form_fields(Settings(sets="mlp,cnn", source="s3://titles/{ds}.csv")).items()))
    assert (name, field["type"], field["default"]) == (SUMMARY, ["null"], None)
    assert field["values_display"] == {"null": "Train mlp and cnn, and promote the best if it is better"}
    text = field["description_md"]
    assert "1. The titles of **s3://titles/\\{ds\\}.csv** are read" in text
    assert "2. **mlp** and **cnn** are each trained" in text
    assert "better by at least 0.001, with a probability of at least 95%" in text
    assert "*Trigger* is grey only while a field with a red asterisk is empty" in text
    assert Request.check({SUMMARY: None, "sets": ["mlp"]}, SETTINGS) == Request.check({"sets": ["mlp"]}, SETTINGS)
    with pytest.raises(BadHyperparameters, match="There is no parameter 'summary'"):
        Request.check({SUMMARY: "text"}, SETTINGS)


def test_the_summary_of_the_backfill_says_what_is_missing_before_it_starts() -> None:
    text = backfill_form_fields(SETTINGS)[SUMMARY]["description_md"]
    assert "**You choose the first and the last date**" in text
    assert "Without them nothing is trained: the first task fails" in text
    assert "*Trigger* is grey only while" in text


def test_a_password_in_the_source_is_not_in_the_summary() -> None:
    text = form_fields(Settings(source="https://me:secret@host/titles.csv"))[SUMMARY]["description_md"]
    assert "secret" not in text


def test_one_date_is_asked_for_and_with_a_picker() -> None:
    dates = {name: field["format"] for name, field in FIELDS.items() if "date" in field.get("format", "")}
    assert dates == {"as_of": "date"}
    added = (
        "Leave Logical Date above as it is: if this field is empty, its day in America/Argentina/Buenos_Aires is used."
    )
    assert added in FIELDS["as_of"]["description"]


def test_overrides_of_training_come_before_the_others() -> None:
    sections = [name.partition(".")[0] for name in FIELDS if "." in name]
    assert list(dict.fromkeys(sections)) == ["train", "preprocess", "embed"]


def test_the_source_is_that_of_the_settings_and_must_not_be_empty() -> None:
    fields = form_fields(Settings(source="titles.csv"))
    assert (fields["source"]["default"], fields["source"]["minLength"]) == ("titles.csv", 1)


def test_the_list_of_sets_can_be_cleared_and_holds_each_once() -> None:
    field = FIELDS["sets"]
    assert (field["type"], field["uniqueItems"]) == (["array", "null"], True)
    assert field["values_display"]["mlp"] == f"mlp: {named_sets.load('mlp').title}"


def test_a_choice_can_be_left_to_each_set() -> None:
    field = FIELDS["train.optimizer"]
    assert (field["type"], field["enum"][-1]) == (["string", "null"], None)
    assert field["enum"][:-1] == list(get_args(named_sets.parameter("train.optimizer").annotation))
    assert field["values_display"] == {
        "adam": "adam: adds the weight decay to the gradient, as in the lab",
        "adamw": "adamw: decouples the weight decay",
        "null": "value of each set",
    }


def test_a_switch_has_no_third_position_so_a_truth_value_is_text_that_may_stay_empty() -> None:
    field = FIELDS["preprocess.boundaries"]
    assert (field["type"], field["examples"]) == (["string", "boolean", "null"], ["true", "false"])
    assert " Use true or false. Empty: the value of each set (mlp: true, " in field["description"]
    validator = jsonschema.Draft202012Validator(field)
    assert all(map(validator.is_valid, ("true", "false", True, False, None)))
    assert not any(map(validator.is_valid, ("maybe", "", 1)))
    for value in ("false", False):
        assert named_sets.resolve("mlp", {"preprocess.boundaries": value}).preprocess.boundaries is False


def test_values_of_the_sets_are_written_as_the_form_takes_them() -> None:
    fields = form_fields(Settings(sets="mlp, none_such,quick_cnn"))
    hidden = ",".join(map(str, named_sets.load("mlp").train.hidden))
    assert f"(mlp: {hidden or 'none'}, quick_cnn: " in fields["train.hidden"]["description"]
    assert fields["preprocess.boundaries"]["description"].endswith("(mlp: true, quick_cnn: false).")
    assert fields["embed.path"]["description"].endswith("(mlp: empty, quick_cnn: empty).")
    assert form_fields(Settings(sets="none_such"))["embed.path"]["description"].endswith(
        " Empty: the value of each set."
    )


def test_an_empty_list_of_a_set_is_written_as_none() -> None:
    empty = [name for name in named_sets.names() if not named_sets.load(name).train.hidden]
    assert empty
    field = form_fields(Settings(sets=empty[0]))["train.hidden"]
    assert field["description"].endswith(f"({empty[0]}: none).")
    assert "(a list of whole numbers). Empty: " in field["description"]


@pytest.mark.parametrize(("name", "limits"), [
    ("train.dropout", {"minimum": 0, "maximum": 0.95}),
    ("train.learning_rate", {"exclusiveMinimum": 0, "maximum": 10}),
])  # fmt: skip
def test_an_override_has_the_limits_of_its_hyperparameter(name: str, limits: dict[str, float]) -> None:
    assert FIELDS[name]["type"] == ["number", "null"]
    keywords = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
    assert {keyword: FIELDS[name][keyword] for keyword in keywords if keyword in FIELDS[name]} == limits


def test_an_optional_date_is_one_schema() -> None:
    field = FIELDS["as_of"]
    assert (field["type"], field["format"], field["default"]) == (["string", "null"], "date", None)


def test_a_text_that_may_stay_empty_is_null() -> None:
    for name in ("date_column", "stored_sets"):
        assert (FIELDS[name]["type"], FIELDS[name]["default"]) == (["string", "null"], None)
