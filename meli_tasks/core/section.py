"""The base of all hyperparameters and parameters of stages: a part of the schema that can change without changing keys.

A field that is renamed keeps its former name in `former_names` of its section: files, plans and requests that use it
stay valid, and content keys are computed from it, so that a renamed field changes no key. A field that is added is
listed in `added_fields` of its section: while it has its default it is not part of content keys, so it changes none. A
field that only says where to find an input is listed in `places`: the input's identity is among the inputs of the step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator

MOST_NESTED = 20
"""Structures within structures in the parameters of a run."""


class Section(BaseModel):
    """The hyperparameters of one stage."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    former_names: ClassVar[Mapping[str, str]] = {}
    """Former names of renamed fields -> current names."""

    added_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields that 0.1.0 did not have."""

    places: ClassVar[frozenset[str]] = frozenset()
    """Fields that say where an input is: content keys have their default instead."""

    @classmethod
    def with_current_names(cls, values: Mapping[str, object]) -> dict[str, object]:
        """Return the values with former names replaced by current ones.

        Raises:
            ValueError: a field is given under both names.
        """
        for former, current in cls.former_names.items():
            if former in values and current in values:
                raise ValueError(f"{former} is the former name of {current}: give only {current}")
        return {cls.former_names.get(name, name): value for name, value in values.items()}

    @classmethod
    def with_former_names(cls, values: Mapping[str, object]) -> dict[str, object]:
        """Return the values with current names replaced by former ones."""
        former = {current: name for name, current in cls.former_names.items()}
        return {former.get(name, name): value for name, value in values.items()}

    @classmethod
    def key_values(cls, values: Mapping[str, object]) -> dict[str, object]:
        """Return what content keys are computed from: former names, no places, no added fields with their default."""
        defaults = {name: cls.model_fields[name].default for name in cls.added_fields}
        return {
            name: cls.model_fields[name].default if name in cls.places else value
            for name, value in cls.with_former_names(values).items()
            if name not in defaults or value != defaults[name]
        }

    @model_validator(mode="before")
    @classmethod
    def _accept_former_names(cls, values: Any) -> Any:
        return cls.with_current_names(values) if isinstance(values, Mapping) else values


def check_writable(value: object, depth: int = MOST_NESTED) -> None:
    """Refuse what no JSON file of a run can hold: half of a surrogate pair, or structures within structures.

    Raises:
        ValueError: says what is wrong, and does not repeat the value, which may hold a secret.
    """
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("a value has characters that are no text: half of a surrogate pair") from None
    elif isinstance(value, Mapping | Sequence) and not isinstance(value, bytes):
        if not depth:
            raise ValueError(f"a value is nested more than {MOST_NESTED} levels deep")
        items = [*value.keys(), *value.values()] if isinstance(value, Mapping) else value
        for item in items:
            check_writable(item, depth - 1)
