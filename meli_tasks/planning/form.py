"""Airflow's trigger forms, generated from the schemas behind them: one field per parameter, with its range and help.

The fields are plain JSON-schema keywords, so this module does not need Airflow. A form cannot reject unknown keys; the
first task of the run does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from meli_tasks.core.choices import explained
from meli_tasks.planning.form_summary import training_summary
from meli_tasks.planning.request import SUMMARY, Request
from meli_tasks.sets import catalog as named_sets
from meli_tasks.settings import Settings

Sections = Mapping[str, tuple[str, ...]]
Field: TypeAlias = dict[str, Any]
"""A field of a form: the keyword arguments of an Airflow `Param`, most of them JSON-schema keywords."""
Form: TypeAlias = dict[str, Field]
"""The fields of a form by name, in display order."""

OPEN = "Run Parameters"
"""Airflow's own name for the one section of a form that is open at first. It opens no section of another name."""
OVERRIDES = "Overrides"
AS_EACH_SET = "value of each set"
FIRST_OVERRIDES = ("train.epochs", "train.learning_rate", "train.batch_size", "train.dropout")
"""The hyperparameters that are changed most often, in the order of the form."""
# No character can belong to two neighbouring parts of a pattern: one that could is matched in as many ways as there are
# places to cut, and a text that does not match then takes exponentially long. Airflow's server matches what it is sent.
LIST = r"^[\[( ]*([0-9][0-9 ,]*)?([\])][\]) ]*)?$"
YES_OR_NO = "^(true|false)$"
# What only the form can say.
TITLES = {"as_of": "Date of the run"}
LIMITS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
SECTIONS: Sections = {
    OPEN: ("source", "as_of", "sets", "stored_sets", "promotion"),
    "Data": ("window_days", "date_column", "language", "reliable_only", "max_bad_fraction", "min_category_rows"),
    OVERRIDES: (),
    "Models": ("ensemble", "ensemble_members", "folds", "force"),
    "Search": ("search_minutes", "search_family"),
    "Promotion": ("min_gain", "min_probability", "approval_band", "golden"),
}  # fmt: skip


def form_fields(settings: Settings) -> Form:
    """Return the keyword arguments of an Airflow `Param` for each field of the training form, in display order."""
    return with_summary(training_summary(settings), fields_of(Request, SECTIONS, settings))


def with_summary(summary: Field, fields: Form) -> Form:
    """Return the fields of a form with its summary as the first one of the open section."""
    return {SUMMARY: {**summary, "section": OPEN}, **fields}


def fields_of(model: type[BaseModel], sections: Sections, settings: Settings) -> Form:
    """Return the same for any model with `source` and `sets`; overrides become one field per hyperparameter."""
    schema = model.model_json_schema()["properties"]
    added = {
        "as_of": f" Leave Logical Date above as it is: if this field is empty, its day in {settings.timezone} is used."
    }
    fields: Form = {}
    for section, names in sections.items():
        for name in names:
            info = model.model_fields[name]
            field = {**_flat(schema[name]), "title": _title(name), "section": section}
            field["description"] = _description(info) + _default(field["default"]) + added.get(name, "")
            if options := explained(info):
                field["values_display"] = _options(options)
            if info.is_required() and field["type"] == "string":
                # Airflow marks an empty required field as an error before anybody has seen the form. The first task
                # refuses an empty one, and the description says so.
                field.update(type=["string", "null"], description=f"Required. {field['description']}")
            fields[name] = field
        if section == OVERRIDES:
            fields |= override_fields(settings)
    source = _description(model.model_fields["source"]) + _default(settings.source)
    fields["source"].update(type="string", default=settings.source, minLength=1, description=source)
    titles = {name: f"{name}: {named_sets.load(name).title}" for name in named_sets.names()}
    chosen = chosen_sets(settings)
    # A cleared list becomes null: a run may use sets from the store only.
    fields["sets"].update(type=["array", "null"], default=chosen, examples=list(titles), values_display=titles)
    fields["sets"]["uniqueItems"] = True
    return fields


def override_fields(settings: Settings) -> Form:
    """Return a field for every hyperparameter, by its dotted name, which is empty unless somebody fills it in."""
    fields: Form = {}
    parameters = named_sets.parameters()
    of_training = [name for name in parameters if name.startswith("train.")]
    for name in dict.fromkeys((*FIRST_OVERRIDES, *of_training, *parameters)):
        info = parameters[name]
        section, _, parameter = name.partition(".")
        schema = _optional(info)
        text = f"{_description(info)} Use true or false." if info.annotation is bool else _description(info)
        values = _values_in_sets(section, parameter, settings)
        fields[name] = {
            **schema,
            "default": None,
            "title": f"{_title(section)}: {parameter.replace('_', ' ')}",
            "description": f"{text} Empty: the value of each set{values}.",
            "section": OVERRIDES,
        }
    return fields


def chosen_sets(settings: Settings) -> list[str]:
    """Return the sets that are trained by default."""
    return [name.strip() for name in settings.sets.split(",") if name.strip()]


def _values_in_sets(section: str, parameter: str, settings: Settings) -> str:
    """Return the values of a parameter in the default sets: " (mlp: 12, cnn: 8)"."""
    known = [name for name in chosen_sets(settings) if name in named_sets.names()]
    values = [f"{name}: {_as_text(getattr(getattr(named_sets.load(name), section), parameter))}" for name in known]
    return f" ({', '.join(values)})" if values else ""


def _as_text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    return str(value).lower() if isinstance(value, bool) else f"{value}" or "empty"


def _optional(info: FieldInfo) -> Field:
    """Return the schema of a hyperparameter that may stay empty; a list is written as text, such as 256,128."""
    choices = get_args(info.annotation)
    if named_sets.is_list(info):
        return {"type": ["string", "null"], "pattern": LIST}
    if choices and all(isinstance(choice, str) for choice in choices):
        display = {**_options(explained(info)), "null": AS_EACH_SET}
        return {"type": ["string", "null"], "enum": [*choices, None], "values_display": display}
    if info.annotation is bool:
        # Airflow draws a boolean as a switch, which has no third position for the value of each set. Text with two
        # suggestions has. The API takes true and false too.
        return {"type": ["string", "boolean", "null"], "examples": ["true", "false"], "pattern": YES_OR_NO}
    kinds: dict[Any, str] = {int: "integer", float: "number", str: "string"}
    kind = kinds[info.annotation]
    limits = {LIMITS[name]: getattr(rule, name) for rule in info.metadata for name in LIMITS if hasattr(rule, name)}
    return {"type": [kind, "null"], **limits}


def _description(info: FieldInfo) -> str:
    """Return the description of a field and its range; the form displays the options of a choice."""
    number = info.annotation in (int, float) or (named_sets.is_list(info) and str not in get_args(info.annotation))
    text = str(info.description).removesuffix(".")
    return f"{text} ({named_sets.expected(info)})." if number else f"{text}."


def _default(value: object) -> str:
    """Return the default as a sentence; empty if the field is empty by default, which its description explains."""
    if isinstance(value, bool):
        return f" Default: {'on' if value else 'off'}."
    shown = f"{value:g}" if isinstance(value, float) else value
    return "" if value is None or value in ("", {}, []) else f" Default: {shown}."


def _options(texts: Mapping[str, str]) -> dict[str, str]:
    """Return each option as a list displays it: its value, then what it means."""
    return {option: f"{option}: {text}" for option, text in texts.items()}


def _title(name: str) -> str:
    return TITLES.get(name, name.replace("_", " ").capitalize())


def _flat(property_schema: Field) -> Field:
    """Return an optional field as a single schema of type ["...", "null"]: Airflow has no widget for `anyOf`."""
    flat = {
        key: value for key, value in property_schema.items() if key not in ("anyOf", "title", "additionalProperties")
    }
    for choice in property_schema.get("anyOf", ()):
        if choice["type"] != "null":
            flat.update(choice, type=[choice["type"], "null"])
    if flat.get("type") == "string" and flat.get("default") == "":
        # A text that may stay empty: Airflow rejects that unless the schema allows null.
        flat.update(type=["string", "null"], default=None)
    flat.setdefault("default", {} if flat.get("type") == "object" else None)
    return flat
