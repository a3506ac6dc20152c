"""What a person or a schedule asks of a run: the fields of Airflow's form and of `meli run`, checked at one door."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.core.hyperparameters import Evaluate, Ingest, Promote, Section
from meli_tasks.settings import Settings


class Request(Section):
    """A run's parameters; everything about the models is in the sets it names."""

    source: str = Field(
        description="a path, a glob, s3://, https:// or sample:rows=20000,seed=1; {ds} is the run's date"
    )
    as_of: date | None = Field(None, description="the run's date, for {ds} in the source; empty for the schedule's")
    language: Literal["any", "spanish", "portuguese"] = Field("any", description="keep the titles of one language")
    reliable_only: bool = Field(False, description="keep only titles whose label is marked reliable")
    max_bad_share: float = Field(0.05, ge=0, le=1, description="share of bad rows above which ingest fails")
    min_category_rows: int = Field(
        10, ge=1, le=1_000_000, description="rows a category needs; smaller ones are set aside"
    )
    sets: tuple[str, ...] = Field(description="hyperparameter sets to train, by name")
    overrides: dict[str, Any] = Field(default_factory=dict, description='on every set, e.g. {"train.epochs": 5}')
    promotion: Literal["auto", "never"] = Field("auto", description="'never' measures and reports only")
    min_gain: float = Field(0.001, ge=0, le=1, description="balanced accuracy by which a challenger must be better")
    min_probability: float = Field(0.9, ge=0.5, le=1, description="bootstrap probability that it is better at all")
    force: bool = Field(False, description="compute everything again, also what is already there")

    @field_validator("sets", mode="before")
    @classmethod
    def _named_once(cls, sets: Any) -> Any:
        names = [name.strip() for name in sets.split(",")] if isinstance(sets, str) else list(sets)
        if not any(names):
            raise ValueError("no set is chosen; `meli sets` lists them")
        return tuple(dict.fromkeys(name for name in names if name))

    @classmethod
    def check(cls, params: Mapping[str, Any], settings: Settings) -> Request:
        """Check what was asked for, filling in what was not from the settings.

        Raises:
            BadHyperparameters: a key that does not exist (the nearest is named) or a value out of range.
        """
        unknown = sorted(set(params) - set(cls.model_fields))
        if unknown:
            raise BadHyperparameters("; ".join(_unknown(key, list(cls.model_fields)) for key in unknown))
        given = {key: value for key, value in params.items() if value not in (None, "")}
        try:
            return cls.model_validate({"source": settings.source, "sets": settings.sets, **given})
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(map(str, e['loc']))} = {e['input']!r}: {e['msg'].removeprefix('Value error, ')}"
                for e in error.errors(include_url=False)
            )
            raise BadHyperparameters(f"The run's parameters cannot be used: {wrong}") from None

    def ingest(self) -> Ingest:
        """Parameters of the stage ingest."""
        return Ingest(
            language=self.language,
            reliable_only=self.reliable_only,
            max_bad_share=self.max_bad_share,
            min_category_rows=self.min_category_rows,
        )

    def evaluate(self) -> Evaluate:
        """Parameters of the stage evaluate."""
        return Evaluate()

    def promote(self) -> Promote:
        """Parameters of the stage promote."""
        return Promote(mode=self.promotion, min_gain=self.min_gain, min_probability=self.min_probability)


def _unknown(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
    return f"There is no parameter {key!r}: {hint}"
