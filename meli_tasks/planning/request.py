"""What a person or a schedule asks of a run: the fields of Airflow's form and of `meli run`, checked at one door."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.core.hyperparameters import Ensemble, Evaluate, Ingest, Promote, Section
from meli_tasks.sets import catalog as named_sets
from meli_tasks.settings import Settings
from meli_tasks.sources.days import first_day


class Request(Section):
    """A run's parameters; everything about the models is in the sets it names."""

    source: str = Field(
        description="a path, a glob, s3://, https:// or sample:rows=20000,seed=1; {ds} is the run's date"
    )
    as_of: date | None = Field(
        None, description="the run's date: it fills {ds} and nothing newer is used; empty for the schedule's"
    )
    window_days: int = Field(
        1,
        ge=1,
        le=3_660,
        description="days of titles, the last one the run's date: each fills {ds}; with date_column only titles of "
        "these days, 1 for all up to the run's date",
    )
    date_column: str = Field(
        "",
        description="column with the date of each title, for a source that is one growing table: nothing newer than "
        "the run's date is used; empty for none",
    )
    language: Literal["any", "spanish", "portuguese"] = Field("any", description="keep the titles of one language")
    reliable_only: bool = Field(False, description="keep only titles whose label is marked reliable")
    max_bad_fraction: float = Field(0.05, ge=0, le=1, description="maximum fraction of bad rows; above it ingest fails")
    min_category_rows: int = Field(
        10, ge=1, le=1_000_000, description="rows a category needs; smaller ones are set aside"
    )
    stored_sets: str = Field(
        "",
        description="more sets, by their names in the store, comma-separated: those that a search found; `meli sets` "
        "lists them",
    )
    sets: tuple[str, ...] = Field(description="hyperparameter sets to train, by name")
    overrides: dict[str, Any] = Field(
        default_factory=dict,
        description='on every set, e.g. {"train.epochs": 5}; or each key as a parameter of its own',
    )
    ensemble: bool = Field(
        True, description="weigh the run's models on the validation titles and measure their mean as a model of its own"
    )
    ensemble_members: int = Field(4, ge=2, le=16, description="models in that mean at most")
    promotion: Literal["auto", "always", "never"] = Field(
        "auto", description="'auto': a better model is promoted, by a backfill never; 'always': by a backfill too"
    )
    min_gain: float = Field(0.001, ge=0, le=1, description="balanced accuracy by which a challenger must be better")
    min_probability: float = Field(0.9, ge=0.5, le=1, description="bootstrap probability that it is better at all")
    force: bool = Field(False, description="compute everything again, also what is already there")
    search_minutes: float = Field(
        0.0,
        ge=0,
        le=1_200,
        description="minutes to search for better hyperparameters on these titles; what is found is trained, measured "
        "and kept as a set of its own; 0 for no search",
    )
    search_family: Literal["mlp", "cnn"] = Field("mlp", description="the architecture whose parameters are searched")

    former_names: ClassVar[Mapping[str, str]] = {"max_bad_share": "max_bad_fraction"}

    @field_validator("sets", mode="before")
    @classmethod
    def _named_once(cls, sets: Any, info: ValidationInfo) -> Any:
        """Also those of `stored_sets`: Airflow's list of sets cannot know what is in the store."""
        names = [*_named(sets), *_named(info.data.get("stored_sets", ""))]
        if not names:
            raise ValueError("no set is chosen; `meli sets` lists them")
        return tuple(dict.fromkeys(names))

    @classmethod
    def check(cls, params: Mapping[str, Any], settings: Settings) -> Request:
        """Check what was asked for, filling in what was not from the settings.

        Raises:
            BadHyperparameters: a key that does not exist (the nearest is named) or a value out of range.
        """
        try:
            params = with_overrides(cls.with_current_names(params))
        except ValueError as error:
            raise BadHyperparameters(f"The run's parameters cannot be used: {error}") from None
        unknown = sorted(set(params) - set(cls.model_fields))
        if unknown:
            raise BadHyperparameters("; ".join(_unknown(key, list(cls.model_fields)) for key in unknown))
        given = {key: value for key, value in params.items() if value not in (None, "")}
        # The form sends null for a list of sets that was cleared: then only those of the store are meant.
        sets = settings.sets if params.get("sets", "") is not None else ()
        try:
            return cls.model_validate({"source": settings.source, "sets": sets, **given})
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(map(str, e['loc']))} = {e['input']!r}: {e['msg'].removeprefix('Value error, ')}"
                for e in error.errors(include_url=False)
            )
            raise BadHyperparameters(f"The run's parameters cannot be used: {wrong}") from None

    def ingest(self, as_of: date | None = None) -> Ingest:
        """Parameters of the stage ingest; they depend on the run's date only where a column tells that of each title.

        Raises:
            BadHyperparameters: there is such a column, and the run has no date.
        """
        if self.date_column and as_of is None:
            raise BadHyperparameters(
                f"date_column is {self.date_column!r}, so that nothing newer than the run's date is used, and this run "
                "has none: fill in `as_of`."
            )
        until = as_of if self.date_column else None
        return Ingest(
            language=self.language,
            reliable_only=self.reliable_only,
            max_bad_fraction=self.max_bad_fraction,
            min_category_rows=self.min_category_rows,
            date_column=self.date_column,
            since=first_day(until, self.window_days) if until and self.window_days > 1 else None,
            until=until,
        )

    def ensembling(self) -> Ensemble:
        """Parameters of the stage ensemble."""
        return Ensemble(max_members=self.ensemble_members)

    def evaluate(self) -> Evaluate:
        """Parameters of the stage evaluate."""
        return Evaluate()

    def promote(self) -> Promote:
        """Parameters of the stage promote."""
        mode: Literal["auto", "never"] = "never" if self.promotion == "never" else "auto"
        return Promote(mode=mode, min_gain=self.min_gain, min_probability=self.min_probability)


def with_overrides(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters, with those named like a hyperparameter ("train.epochs") gathered in `overrides` unless empty.

    Raises:
        BadHyperparameters: one does not exist, or is given twice, differently.
    """
    gathered = {key: value for key, value in params.items() if "." not in key}
    for key in params.keys() - gathered.keys():
        named_sets.parameter(key)
    dotted = {key: value for key, value in params.items() if "." in key and value not in (None, "")}
    overrides = gathered.get("overrides") or {}
    if not dotted or not isinstance(overrides, dict):
        return gathered
    for key in dotted.keys() & overrides.keys():
        if dotted[key] != overrides[key]:
            raise BadHyperparameters(f"{key} is {dotted[key]!r} and, in overrides, {overrides[key]!r}: leave one out.")
    return {**gathered, "overrides": {**overrides, **dotted}}


def _named(sets: Any) -> list[Any]:
    """Names of sets, one by one, be they given in a list or comma-separated."""
    names = [name.strip() for name in sets.split(",")] if isinstance(sets, str) else list(sets)
    return [name for name in names if name]


def _unknown(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
    return f"There is no parameter {key!r}: {hint}"
