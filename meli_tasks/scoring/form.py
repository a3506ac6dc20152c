"""The form of `meli_batch_predict`: the keyword arguments of an Airflow `Param` for each field, in display order."""

from __future__ import annotations

from typing import Any

from meli_tasks.scoring import request as texts
from meli_tasks.settings import Settings

OPEN = "Run Parameters"
"""Airflow's own name for the section that is open at first."""
_EMPTY: dict[str, Any] = {"type": ["string", "null"], "default": None}


def batch_form_fields(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return the fields; `BatchRequest` validates what is filled in."""
    fields: dict[str, dict[str, Any]] = {
        "source": {
            "type": ["string", "null"],
            "default": settings.batch_source or None,
            "title": "Source",
            "description": f"Required. {texts.SOURCE}",
        },
        "as_of": {**_EMPTY, "format": "date", "title": "Date of the run", "description": texts.AS_OF},
        "output": {
            "type": ["string", "null"],
            "default": settings.batch_output or None,
            "title": "Output",
            "description": texts.OUTPUT,
        },
        "set_name": {**_EMPTY, "title": "Set", "description": texts.SET},
        "model": {**_EMPTY, "title": "Model", "description": texts.MODEL},
        "top": {
            "type": "integer",
            "default": 5,
            "minimum": 1,
            "maximum": 100,
            "title": "Categories",
            "description": texts.TOP,
        },
        "abstain_below": {
            "type": "number",
            "default": 0,
            "minimum": 0,
            "maximum": 1,
            "title": "Abstain below",
            "description": texts.ABSTAIN_BELOW,
        },
    }
    return {name: {**field, "section": OPEN} for name, field in fields.items()}
