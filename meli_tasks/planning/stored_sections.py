"""Requests and sets within stored plans, also of other versions: fields that this version does not know are dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ValidationError

from meli_tasks.core.hyperparameters import HyperparameterSet
from meli_tasks.planning.request import Request
from meli_tasks.sets.catalog import without_secrets

M = TypeVar("M", bound=BaseModel)


def _read_lenient(kind: type[M], stored: Any) -> M:
    """Parse a stored section without the fields that this version does not know."""
    try:
        return kind.model_validate(stored)
    except ValidationError as error:
        unknown = {found["loc"] for found in error.errors() if found["type"] == "extra_forbidden"}
        known = _without(stored, unknown)
        if known == stored:
            raise
        return _read_lenient(kind, known)


def _without(value: Any, unknown: set[tuple[int | str, ...]], location: tuple[int | str, ...] = ()) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {
        name: _without(inside, unknown, (*location, name))
        for name, inside in value.items()
        if (*location, name) not in unknown
    }


def _stored_request(stored: Any) -> Any:
    """Plans written before ensembles existed have no field for them; their runs make none."""
    return _read_lenient(Request, {"ensemble": False, **stored}) if isinstance(stored, Mapping) else stored


def _stored_set(stored: Any) -> Any:
    return without_secrets(_read_lenient(HyperparameterSet, stored)) if isinstance(stored, Mapping) else stored


StoredSet = Annotated[HyperparameterSet, BeforeValidator(_stored_set)]
"""The hyperparameters of a set."""

StoredParameters = Annotated[Request, BeforeValidator(_stored_request)]
"""The request of a run."""
