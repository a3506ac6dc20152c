"""Bases of what is stored as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Versioned(BaseModel):
    """Base of what is stored with a `version`, whose default is the newest version that this code can read.

    A field that a later version adds is ignored and needs no new number. The number is raised only when an earlier
    version would misread what is stored, so an object with a higher one is refused.
    """

    @model_validator(mode="before")
    @classmethod
    def _refuse_later_versions(cls, stored: Any) -> Any:
        if "version" in cls.model_fields:
            refuse_later_version(stored, cls.model_fields["version"].default)
        return stored


def refuse_later_version(stored: Any, known: int) -> None:
    """Raise ValueError if what was stored has a higher version than the newest one that is known."""
    version = stored.get("version") if isinstance(stored, Mapping) else None
    if isinstance(version, int) and version > known:
        raise ValueError(f"a later version of meli-tasks wrote it: version {version}, known up to {known}")


class Stored(Versioned):
    """Base of what is stored. Fields that a later version adds do not stop an earlier one from reading."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)
