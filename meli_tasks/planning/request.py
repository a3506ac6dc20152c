"""The request for a run: the fields of Airflow's trigger form and of `meli run`, validated in one place."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from meli_tasks.concealed import Concealed, ConcealedValues, conceal_all, is_concealed
from meli_tasks.core.choices import Choices
from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.core.section import Section, check_writable
from meli_tasks.core.stage_parameters import Ensemble, Evaluate, Folds, Ingest, Promote
from meli_tasks.planning import texts
from meli_tasks.sets import catalog as named_sets
from meli_tasks.settings import Settings

SECOND = "_second"
"""Ends the column of each model's second category in predictions.parquet. Sets cannot have the other columns' names."""
SUMMARY = "summary"
"""The first field of a form: text to read, always null. The trigger form sends it with the others."""


class Request(Section):
    """The parameters of a run; everything about the models is in the sets that it names.

    Its addresses are without their secrets, which this process remembers (`concealed`).
    """

    source: Concealed = Field(description=texts.SOURCE)
    as_of: date | None = Field(None, description=texts.AS_OF)
    window_days: int = Field(1, ge=1, le=3_660, description=texts.WINDOW_DAYS)
    date_column: str = Field("", description=texts.DATE_COLUMN)
    language: Annotated[
        Literal["any", "spanish", "portuguese"],
        Choices(any="titles in any language", spanish="only Spanish titles", portuguese="only Portuguese titles"),
    ] = Field("any", description=texts.LANGUAGE)
    reliable_only: bool = Field(False, description=texts.RELIABLE_ONLY)
    max_bad_fraction: float = Field(0.05, ge=0, le=1, description=texts.MAX_BAD_FRACTION)
    min_category_rows: int = Field(10, ge=1, le=1_000_000, description=texts.MIN_CATEGORY_ROWS)
    golden: Concealed = Field("", description=texts.GOLDEN)
    stored_sets: str = Field(
        "",
        description="Additional sets from the store, such as those that a search found: their names, comma-separated. "
        "`meli sets` lists them.",
    )
    sets: tuple[str, ...] = Field(description=texts.SETS)
    overrides: ConcealedValues = Field(
        default_factory=dict,
        description='Hyperparameters to change in every set, e.g. {"train.epochs": 5}. A key such as '
        '"train.epochs" may also be a parameter of its own.',
    )
    ensemble: bool = Field(True, description=texts.ENSEMBLE)
    ensemble_members: int = Field(4, ge=2, le=16, description="Maximum number of models in the ensemble.")
    folds: Folds = Field(0, description=texts.FOLDS)
    promotion: Annotated[
        Literal["auto", "approval", "never", "always"],
        Choices(
            auto="promote a better model, except in a backfill",
            approval="a person approves a better model first",
            never="only evaluate",
            always="promote a better model, in a backfill too",
        ),
    ] = Field("auto", description=texts.PROMOTION)
    min_gain: float = Field(0.001, ge=0, le=1, description="Minimum gain in balanced accuracy over the champion.")
    min_probability: float = Field(
        0.95, ge=0.5, le=1, description="Minimum probability that the challenger is better than the champion."
    )
    approval_band: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="With promotion auto: if that probability is at most this far from its minimum, a person decides. "
        "0: no person is asked.",
    )
    force: bool = Field(False, description=texts.FORCE)
    search_minutes: float = Field(
        0.0,
        ge=0,
        le=1_200,
        description="Minutes to search for better hyperparameters on these titles; 0 disables the search. The best set "
        "found is stored, and its model is evaluated with the others.",
    )
    search_family: Annotated[
        Literal["mlp", "cnn"],
        Choices(mlp="networks that average the word vectors", cnn="networks that apply filters to them"),
    ] = Field("mlp", description=texts.SEARCH_FAMILY)

    former_names: ClassVar[Mapping[str, str]] = {"max_bad_share": "max_bad_fraction"}
    added_fields: ClassVar[frozenset[str]] = frozenset({"folds", "golden", "approval_band"})

    @field_validator("sets", mode="before")
    @classmethod
    def _unique_names(cls, sets: Any, info: ValidationInfo) -> Any:
        """Add the names in `stored_sets`, as Airflow's list of sets cannot know what is in the store."""
        names = [*_named(sets), *_named(info.data.get("stored_sets", ""))]
        if not names:
            raise ValueError("choose at least one set; `meli sets` lists them")
        return tuple(dict.fromkeys(names))

    @model_validator(mode="after")
    def _search_or_folds(self) -> Self:
        if self.folds and self.search_minutes:
            raise ValueError(
                "a run with folds cannot search: search first, and train the set that it finds in a run with folds"
            )
        return self

    @classmethod
    def check(cls, params: Mapping[str, object], settings: Settings) -> Request:
        """Validate parameters, with defaults from the settings.

        Raises:
            BadHyperparameters: A key is unknown (the error suggests the nearest one), or a value is out of range.
        """
        try:
            check_writable(params)
            # Before the rest, as the message about a value that is not valid quotes it.
            params = conceal_all({key: value for key, value in params.items() if key != SUMMARY or value is not None})
            params = with_overrides(cls.with_current_names(params))
        except ValueError as error:
            raise BadHyperparameters(f"The run's parameters cannot be used: {error}") from None
        unknown = sorted(set(params) - set(cls.model_fields))
        if unknown:
            raise BadHyperparameters("; ".join(_unknown(key, list(cls.model_fields)) for key in unknown))
        given = {key: value for key, value in params.items() if value not in (None, "")}
        # The form sends null for a cleared list of sets, which means sets from the store only.
        sets = settings.sets if params.get("sets", "") is not None else ()
        try:
            request = cls.model_validate({"source": settings.source, "sets": sets, **given})
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(map(str, e['loc']))} = {e['input']!r}: {e['msg'].removeprefix('Value error, ')}"
                for e in error.errors(include_url=False)
            )
            raise BadHyperparameters(f"The parameters of the run are not valid: {wrong}") from None
        _check_names(request.sets)
        if is_concealed(request.golden) and request.golden == request.source:
            # A task would read the same file for both: what it asks for by this address is the one named last.
            raise BadHyperparameters(
                f"The source and the golden titles have the same address, {request.golden}, without what may be secret "
                "in it. Give one of them another path or host."
            )
        return request

    def ingest(self, as_of: date | None = None) -> Ingest:
        """Return the parameters of the stage ingest, which depend on the date of the run only with a date column.

        Raises:
            BadHyperparameters: There is a date column, but the run has no date.
        """
        if self.date_column and as_of is None:
            raise BadHyperparameters(
                f"date_column is {self.date_column!r}, so titles newer than the date of the run are not used, but this "
                "run has no date. Set `as_of`."
            )
        from meli_tasks.sources.days import first_day  # with all the sources, which a form does not need

        until = as_of if self.date_column else None
        return Ingest(
            language=self.language,
            reliable_only=self.reliable_only,
            max_bad_fraction=self.max_bad_fraction,
            min_category_rows=self.min_category_rows,
            date_column=self.date_column,
            since=first_day(until, self.window_days) if until and self.window_days > 1 else None,
            until=until,
            keep_days=bool(self.date_column),
        )

    def ensembling(self) -> Ensemble:
        """Return the parameters of the stage ensemble."""
        return Ensemble(max_members=self.ensemble_members)

    def evaluate(self) -> Evaluate:
        """Return the parameters of the stage evaluate."""
        return Evaluate(folds=self.folds)

    def promote(self) -> Promote:
        """Return the parameters of the stage promote."""
        return Promote(
            mode=self.promotion,
            min_gain=self.min_gain,
            min_probability=self.min_probability,
            approval_band=self.approval_band,
        )


def _check_names(sets: Sequence[str]) -> None:
    """Refuse sets that would have the name of another column in the predictions.

    Raises:
        BadHyperparameters: one would.
    """
    from meli_tasks.stages.summaries import ENSEMBLE

    taken = {f"{label}{SECOND}": label for label in (*sets, ENSEMBLE)}
    for name in sets:
        if name in taken:
            raise BadHyperparameters(
                f"The set {name} cannot be trained in this run: the predictions of the model {taken[name]} have a "
                "column of that name. Store the set under another name."
            )


def with_overrides(params: Mapping[str, object]) -> dict[str, object]:
    """Move parameters that are named like a hyperparameter ("train.epochs") into `overrides`, unless they are empty.

    Raises:
        BadHyperparameters: A hyperparameter does not exist, or has two different values.
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
            raise BadHyperparameters(
                f"{key} is {dotted[key]!r}, but {overrides[key]!r} in overrides. Remove one of them."
            )
    return {**gathered, "overrides": {**overrides, **dotted}}


def _named(sets: Any) -> list[Any]:
    """Return the names of sets that are given in a list or comma-separated."""
    if isinstance(sets, str):
        sets = [name.strip() for name in sets.split(",")]
    elif not isinstance(sets, list | tuple):
        raise ValueError("it must be a list of names")
    return [name for name in sets if name]


def _unknown(key: str, known: list[str]) -> str:
    # A hyperparameter is also recognized by its name alone: epochs means train.epochs.
    full = {name.partition(".")[2]: name for name in named_sets.parameters()} | {name: name for name in known}
    near = difflib.get_close_matches(key, full, n=1)
    hint = f"did you mean {full[near[0]]!r}?" if near else f"the parameters are {', '.join(known)}"
    return f"There is no parameter {key!r}: {hint}"
