"""Airflow's trigger forms, made from the schemas behind them: one field a parameter, with its range and help.

Plain JSON-schema keywords, so that this module needs no Airflow. A form cannot refuse unknown keys; the task behind it
does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from meli_tasks.planning.request import Request
from meli_tasks.sets import catalog as named_sets
from meli_tasks.settings import Settings

Sections = Mapping[str, tuple[str, ...]]

OVERRIDES = "Overrides"
AS_EACH_SET = "as each set says"
LIMITS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
SECTIONS: Sections = {
    "Data": (
        "source", "as_of", "window_days", "date_column", "language", "reliable_only", "max_bad_fraction",
        "min_category_rows",
    ),
    "Sets": ("sets", "stored_sets", "ensemble", "ensemble_members", "force"),
    OVERRIDES: (),
    "Search": ("search_minutes", "search_family"),
    "Promotion": ("promotion", "min_gain", "min_probability"),
}  # fmt: skip


def form_fields(settings: Settings) -> dict[str, dict[str, Any]]:
    """Keyword arguments of an Airflow `Param` for each field of the training's form, in the order shown."""
    return fields_of(Request, SECTIONS, settings)


def fields_of(model: type[BaseModel], sections: Sections, settings: Settings) -> dict[str, dict[str, Any]]:
    """The same for any model with `source` and `sets`; the section of overrides holds a field a hyperparameter."""
    schema = model.model_json_schema()["properties"]
    fields: dict[str, dict[str, Any]] = {}
    for section, names in sections.items():
        for name in names:
            field = {**_flat(schema[name]), "title": _spoken(name), "section": section}
            field["description"] = _described(model.model_fields[name])
            fields[name] = field
        if section == OVERRIDES:
            fields |= override_fields(settings)
    fields["source"].update(default=settings.source, minLength=1)
    titles = {name: f"{name}: {named_sets.load(name).title}" for name in named_sets.names()}
    chosen = chosen_sets(settings)
    # Null is what a cleared list becomes: a run may be of sets in the store alone.
    fields["sets"].update(type=["array", "null"], default=chosen, examples=list(titles), values_display=titles)
    fields["sets"]["uniqueItems"] = True
    return fields


def override_fields(settings: Settings) -> dict[str, dict[str, Any]]:
    """A field for every hyperparameter, by its dotted name, empty unless filled in."""
    fields = {}
    # What is changed most stands first.
    for name, info in sorted(named_sets.parameters().items(), key=lambda item: not item[0].startswith("train.")):
        section, _, parameter = name.partition(".")
        schema = _optional(info)
        fields[name] = {
            **schema,
            "default": None,
            "title": f"{_spoken(section)}: {parameter.replace('_', ' ')}",
            "description": f"{_described(info)} Empty: as each set says{_as_set(section, parameter, settings)}",
            "section": OVERRIDES,
        }
    return fields


def chosen_sets(settings: Settings) -> list[str]:
    """The sets that are trained when nobody chooses."""
    return [name.strip() for name in settings.sets.split(",") if name.strip()]


def _as_set(section: str, parameter: str, settings: Settings) -> str:
    """What the default sets say of a parameter: " (mlp: 12, cnn: 8)"."""
    known = [name for name in chosen_sets(settings) if name in named_sets.names()]
    said = [f"{name}: {_written(getattr(getattr(named_sets.load(name), section), parameter))}" for name in known]
    return f" ({', '.join(said)})" if said else ""


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    return str(value).lower() if isinstance(value, bool) else f"{value}" or "empty"


def _optional(info: FieldInfo) -> dict[str, Any]:
    """The schema of a hyperparameter that may stay empty; lists are written as text, like 256,128."""
    choices = get_args(info.annotation)
    if named_sets.is_list(info):
        return {"type": ["string", "null"], "pattern": r"^[\[( ]*(\d+[ ,]*)*[\]) ]*$"}
    if choices and all(isinstance(choice, str) for choice in choices):
        return {"type": ["string", "null"], "enum": [*choices, None], "values_display": {"null": AS_EACH_SET}}
    if info.annotation is bool:
        display = {"true": "yes", "false": "no", "null": AS_EACH_SET}
        return {"type": ["boolean", "null"], "enum": [True, False, None], "values_display": display}
    kinds: dict[Any, str] = {int: "integer", float: "number", str: "string"}
    kind = kinds[info.annotation]
    limits = {LIMITS[name]: getattr(rule, name) for rule in info.metadata for name in LIMITS if hasattr(rule, name)}
    return {"type": [kind, "null"], **limits}


def _described(info: FieldInfo) -> str:
    """The field's own words and, for a number, its range; what a choice offers shows by itself."""
    number = info.annotation in (int, float) or (named_sets.is_list(info) and str not in get_args(info.annotation))
    text = str(info.description).removesuffix(".")
    return f"{text} ({named_sets.expected(info)})." if number else f"{text}."


def _spoken(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _flat(property_schema: dict[str, Any]) -> dict[str, Any]:
    """An optional field as ONE schema with the type ["...", "null"]: Airflow draws no widget for `anyOf`."""
    flat = {
        key: value for key, value in property_schema.items() if key not in ("anyOf", "title", "additionalProperties")
    }
    for choice in property_schema.get("anyOf", ()):
        if choice["type"] != "null":
            flat.update(choice, type=[choice["type"], "null"])
    if flat.get("type") == "string" and flat.get("default") == "":
        # A text that may stay empty: Airflow takes it for a mistake unless the schema allows null.
        flat.update(type=["string", "null"], default=None)
    flat.setdefault("default", {} if flat.get("type") == "object" else None)
    return flat
