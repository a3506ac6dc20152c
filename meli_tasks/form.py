"""Airflow's trigger form, made from the schema of a run's request: one field a parameter, with its range and help.

Plain JSON-schema keywords, so that this module needs no Airflow. The form cannot refuse unknown keys; `plan` does.
"""

from __future__ import annotations

from typing import Any

from meli_tasks import named_sets
from meli_tasks.request import Request
from meli_tasks.settings import Settings

SECTIONS = {
    "Data": ("source", "as_of", "language", "reliable_only", "max_bad_share", "min_category_rows"),
    "Sets": ("sets",),
    "Overrides": ("overrides",),
    "Promotion": ("promotion", "min_gain", "min_probability"),
    "Run": ("force",),
}


def form_fields(settings: Settings) -> dict[str, dict[str, Any]]:
    """Keyword arguments of an Airflow `Param` for each field of the form, in the order shown."""
    schema = Request.model_json_schema()["properties"]
    fields = {
        name: {**_flat(schema[name]), "title": name.replace("_", " ").capitalize(), "section": section}
        for section, names in SECTIONS.items()
        for name in names
    }
    fields["source"].update(default=settings.source, minLength=1)
    titles = {name: f"{name}: {named_sets.load(name).title}" for name in named_sets.names()}
    chosen = [name.strip() for name in settings.sets.split(",") if name.strip()]
    fields["sets"].update(default=chosen, examples=list(titles), values_display=titles, minItems=1, uniqueItems=True)
    fields["overrides"]["description"] += ". Keys as in `meli sets mlp`; every chosen set is changed alike."
    return fields


def _flat(property_schema: dict[str, Any]) -> dict[str, Any]:
    """An optional field as ONE schema with the type ["...", "null"]: Airflow draws no widget for `anyOf`."""
    flat = {
        key: value for key, value in property_schema.items() if key not in ("anyOf", "title", "additionalProperties")
    }
    for choice in property_schema.get("anyOf", ()):
        if choice["type"] != "null":
            flat.update(choice, type=[choice["type"], "null"])
    flat.setdefault("default", {} if flat.get("type") == "object" else None)
    return flat
