"""The parameters of the stages that are the same for all sets of a run: of its titles, its evaluation, its decision.

As in `hyperparameters`, every parameter has a description and a range.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from meli_tasks.core.section import Section

MIN_FOLDS, MAX_FOLDS = 3, 10
TEST_SPLIT = 1
"""The number of folds of a run whose only fold is its test split: what it promotes is trained on that too."""


def _no_fold_or_enough(folds: int) -> int:
    if TEST_SPLIT < folds < MIN_FOLDS:
        raise ValueError(f"use 0 for no folds, 1 for the test split as the only one, or {MIN_FOLDS} to {MAX_FOLDS}")
    return folds


Folds = Annotated[int, Field(ge=0, le=MAX_FOLDS), AfterValidator(_no_fold_or_enough)]
"""A number of folds; 0 means none, 1 that the test split is the only one. Only more cross-validate all titles."""


class Ingest(Section):
    """Which rows of the source are used; the same for all sets of a run, so that all use the same titles."""

    language: Literal["any", "spanish", "portuguese"] = Field("any", description="Use only titles in this language.")
    reliable_only: bool = Field(False, description="Use only titles whose label is marked as reliable.")
    max_bad_fraction: float = Field(
        0.05, ge=0, le=1, description="Maximum fraction of bad rows; above it the stage fails."
    )
    max_title_characters: int = Field(
        1_000, ge=1, le=1_000_000, description="Maximum length of a title in characters; a longer one is a bad row."
    )
    min_category_rows: int = Field(
        10, ge=1, le=1_000_000, description="Minimum number of rows of a category; smaller categories are excluded."
    )
    date_column: str = Field(
        "",
        description="Column that holds each title's date, for a source that is a single growing table; empty for none.",
    )
    since: date | None = Field(None, description="Only with date_column: first day to use; empty for no limit.")
    until: date | None = Field(None, description="Only with date_column: last day to use, the run's date.")
    keep_days: bool = Field(False, description="Only with date_column: the listings keep the day of each title.")
    folds: Folds = Field(0, description="Only with fold: number of folds that the listings are divided into.")
    fold: int | None = Field(
        None,
        ge=0,
        le=MAX_FOLDS,
        description="Reads other listings instead of a source, and assigns their splits again: the fold that becomes "
        "the test split, or 0 to train on the test titles too.",
    )

    former_names: ClassVar[Mapping[str, str]] = {"max_bad_share": "max_bad_fraction"}
    added_fields: ClassVar[frozenset[str]] = frozenset({"folds", "fold", "keep_days"})

    @model_validator(mode="after")
    def _fold_is_one_of_them(self) -> Self:
        if bool(self.folds) != bool(self.fold) or (self.fold or 0) > self.folds:
            raise ValueError(f"fold must be 1 to folds, or 0 without folds, got fold {self.fold} of {self.folds}")
        return self

    @model_validator(mode="after")
    def _days_need_a_column(self) -> Self:
        if bool(self.date_column) != bool(self.until) or (self.since and not self.until):
            raise ValueError("date_column and until must be set together, and since needs both")
        if self.keep_days and not self.date_column:
            raise ValueError("keep_days needs date_column")
        if self.since and self.until and self.since > self.until:
            raise ValueError(f"since must not be after until, got {self.since} and {self.until}")
        return self


class Ensemble(Section):
    """How the models of a run are combined into an ensemble."""

    max_members: int = Field(4, ge=2, le=16, description="Maximum number of models in the ensemble.")
    max_probability_worse: float = Field(
        0.9,
        ge=0,
        le=1,
        description="Maximum bootstrap probability, on the validation titles, that the best member is better.",
    )
    bootstrap_samples: int = Field(1_000, ge=100, le=100_000, description="Bootstrap samples for that probability.")
    seed: int = Field(1, ge=0, le=2**31 - 1, description="Seed of the bootstrap.")
    max_titles: int = Field(
        50_000,
        ge=1,
        description="Maximum number of validation titles that the weights are fitted on, taken evenly from all.",
    )

    former_names: ClassVar[Mapping[str, str]] = {"members": "max_members", "max_worse": "max_probability_worse"}


class Reference(Section):
    """The reference model, which every other model should beat: TF-IDF and a linear classifier."""

    max_titles: int = Field(
        50_000, ge=1, description="Maximum number of train titles that it is fitted on, taken evenly from all."
    )
    seed: int = Field(1, ge=0, le=2**31 - 1, description="Seed of the order of the titles.")


class Evaluate(Section):
    """How candidates are evaluated."""

    bootstrap_samples: int = Field(1_000, ge=100, le=100_000, description="Bootstrap samples for each interval.")
    seed: int = Field(1, ge=0, le=2**31 - 1, description="Seed of the bootstrap.")
    folds: Folds = Field(
        0, description="Folds of the cross-validation on all titles; 0 and 1 evaluate on the test split."
    )

    added_fields: ClassVar[frozenset[str]] = frozenset({"folds"})


class ModelEvaluation(Evaluate):
    """Parameters of the stage evaluate: how, and what is known of the compared models before."""

    validation: dict[str, float] = Field(
        default_factory=dict,
        description="By label, balanced accuracy on the validation titles of the run; only of the run's own models.",
    )

    unread: dict[str, str] = Field(
        default_factory=dict, description="By label, why it is unknown which listings a model was fitted on."
    )
    other_folds: dict[str, int] = Field(
        default_factory=dict,
        description="By label, the folds of the run that promoted a model, if they cannot evaluate it in this run.",
    )
    without_ensemble: tuple[int, ...] = Field(
        (), description="The folds whose models make no ensemble: their best member takes its place."
    )


class Promote(Section):
    """When a challenger replaces the champion."""

    mode: Literal["auto", "approval", "never", "always"] = Field(
        "auto",
        description="Who decides once every gate is passed: the run ('auto', and 'always' also in a backfill), a "
        "person ('approval'), or nobody ('never' only evaluates and reports).",
    )
    min_gain: float = Field(0.001, ge=0, le=1, description="Minimum gain in balanced accuracy over the champion.")
    min_probability: float = Field(
        0.95, ge=0.5, le=1, description="Minimum probability that the challenger is better than the champion."
    )
    approval_band: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="With 'auto': if that probability is at most this far from its minimum, a person decides.",
    )
    category_level: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Level of the test for lost categories: a model is not promoted if any category loses so many "
        "titles that the probability of that by chance is below this.",
    )
    max_milliseconds: float = Field(
        50.0,
        gt=0,
        description="Maximum CPU milliseconds to classify one title, 95th percentile.",
    )
    max_megabytes: float = Field(2_000.0, gt=0, description="Maximum size of the model on disk, in megabytes.")


class TestHistory(Section):
    """What earlier decisions measured on the same test titles: what the champion's figure owes to its selection."""

    __test__ = False  # no class of tests

    champion: float = Field(description="Figure that the champion was selected by.")
    measured: tuple[tuple[float, int], ...] = Field(
        description="Figures of all models, on the champion's scale: each with the number of models that have it."
    )
    error: float = Field(0.0, ge=0, description="Usual standard error of a difference of two models; 0 if unknown.")
    sketch: tuple[int, ...] = Field((), description="Sketch of the test titles that the champion was selected on.")
    promoted: bool = Field(
        False, description="Whether it was promoted with that figure, which may be a later one on new titles."
    )
    decisions: int = Field(0, ge=0, description="Number of decisions that the figures are from.")


class Promotion(Promote):
    """Parameters of the stage promote: the limits, and what they are applied to."""

    added_fields: ClassVar[frozenset[str]] = Promote.added_fields | {"missing", "milliseconds"}

    champion: str | None = Field(None, description="Label of the current champion among the evaluated models.")
    missing: str = Field("", description="Why the champion was not evaluated; empty if it was.")
    run_id: str = Field("", description="DAG run that decides.")
    ledger: int = Field(
        0, ge=0, description="Number of the last decision in the ledger when the models were evaluated."
    )
    history: TestHistory | None = Field(None, description="Earlier figures on these titles; None if unknown.")
    milliseconds: dict[str, float] = Field(
        {},
        description="CPU milliseconds to classify one title, by label; empty if the evaluation's own files have them, "
        "as those of earlier versions.",
    )
