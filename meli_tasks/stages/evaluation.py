"""What an evaluation found: the figures of each model on the test titles, and the candidates examined for promotion.

These types are stored as scores.json and decision.json. Files without `version` were written by 0.1.0 and can be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidationError,
    WrapValidator,
    model_serializer,
    model_validator,
)
from pydantic.functional_validators import ModelWrapValidatorHandler

from meli_tasks.core.metrics import Comparison
from meli_tasks.core.stage_parameters import TEST_SPLIT, Promote
from meli_tasks.stages.figures import (
    AbstentionPoint,
    CategoryRecall,
    Confusion,
    GoldenResult,
    GoldenTitles,
    ReferenceModel,
    ReliabilityBin,
    SliceAccuracy,
)
from meli_tasks.stages.stored import Stored, Versioned
from meli_tasks.stages.summaries import EnsembleSummary, Gate, PromoteSummary, UnseenCategories
from meli_tasks.wording import count, enumeration


class Figures(Stored):
    """The figures that a decision is made from. Fractions are of the test titles."""

    balanced_accuracy: float = Field(description="mean recall over the test categories")
    interval: tuple[float, float] = Field(description="95 % bootstrap interval of that")
    top5: float | None = Field(None, description="fraction with the true category among the five most probable")
    milliseconds_p95: float | None = Field(
        None,
        description="95th percentile of the CPU time of classifying one title, in milliseconds; not in scores.json, "
        "but in its manifest",
    )
    megabytes: float | None = Field(None, description="size of the model's files")


def at_chance(interval: tuple[float, float], categories: int) -> bool:
    """Whether a model is no better than guessing, which gets a balanced accuracy of 1 / `categories`.

    It is if the 95 % interval of its balanced accuracy does not lie above that. A model that answers with one category
    for every title has exactly that figure, without any spread.
    """
    return categories > 1 and interval[0] <= 1 / categories + 1e-9


class Evaluation(Figures):
    """All figures of one model on the test titles."""

    accuracy: float | None = None
    top3: float | None = Field(None, description="fraction with the true category among the three most probable")
    macro_f1: float | None = None
    calibration_error: float | None = Field(
        None, description="expected calibration error: mean difference of probability and accuracy over the bins"
    )
    reliability: tuple[ReliabilityBin, ...] = Field((), description="from the least to the most probable")
    abstention: tuple[AbstentionPoint, ...] = Field((), description="by rising threshold")
    slices: dict[str, dict[str, SliceAccuracy]] = Field(
        default_factory=dict,
        description="by kind (language, label_quality, category_size, title_length, unknown_words, newest_day), value",
    )
    by_language: dict[str, SliceAccuracy] = Field(default_factory=dict)
    by_label_quality: dict[str, SliceAccuracy] = Field(default_factory=dict)
    categories: dict[str, CategoryRecall] = Field(default_factory=dict)
    confusions: tuple[Confusion, ...] = Field((), description="most confused pairs, the most frequent first")
    suspect_labels: int | None = Field(None, description="test titles whose label is probably wrong")
    golden: GoldenResult | None = Field(None, description="None if there are no golden titles")

    def answering(self, accuracy: float) -> AbstentionPoint | None:
        """The threshold from which the model is this accurate, with the largest coverage among the stored points.

        None if no threshold reaches it, or if it was not measured. Exact for the accuracies in `core.calibration`.
        """
        return next((point for point in self.abstention if point.accuracy >= accuracy), None)

    @property
    def at_chance(self) -> bool:
        """Whether the model is no better than guessing."""
        return at_chance(self.interval, len(self.categories))

    def brief(self) -> Evaluation:
        """The same without what takes space: copies of it stand beside every plan, and lists of runs read them."""
        categories = {
            name: found.model_copy(update={"interval": None, "predicted": None})
            for name, found in self.categories.items()
        }
        fields = {"categories": categories, "slices": {}, "reliability": (), "abstention": (), "confusions": ()}
        return self.model_copy(update=fields)

    def figures(self) -> Figures:
        """Those that a decision is made from."""
        return Figures.model_validate(self.model_dump(include=set(Figures.model_fields)))


class FittedTitles(Stored):
    """How many titles of the test split a model was fitted on: by training on them, or by validating on them.

    Validation titles decide which epoch of a training run is kept, and the weights of an ensemble.
    """

    train: int = 0
    validation: int = 0

    def __str__(self) -> str:
        """As part of a sentence."""
        parts = {"train": self.train, "validation": self.validation}
        return " and ".join(f"{titles:,} of its {split} split" for split, titles in parts.items() if titles)


class TestSet(Stored):
    """The titles that the models were evaluated on: those of the test split that no compared model was fitted on."""

    __test__ = False  # no class of tests

    split_titles: int = Field(description="titles of the test split")
    titles: int = Field(description="titles evaluated on")
    required: int = Field(description="titles that must be left for a comparison, if any are left out")
    fitted: dict[str, FittedTitles] = Field(
        default_factory=dict, description="by label, for models that were fitted on some"
    )
    unread: dict[str, str] = Field(
        default_factory=dict, description="by label, why it is unknown what a model was fitted on"
    )
    not_scored: dict[str, str] = Field(default_factory=dict, description="by label, why a model was left out")
    fingerprint: str = Field("", description="identifies the titles evaluated on with their categories")
    sketch: tuple[int, ...] = Field((), description="a sample of the titles' hashes: how many two test sets share")
    folds: int = Field(0, description="folds of the cross-validation on all titles; 0 or 1 for a test split")
    untrained: UnseenCategories = Field(
        UnseenCategories(), description="titles whose category no training title of the other folds has"
    )
    without_ensemble: tuple[int, ...] = Field((), description="folds in which the best member is the ensemble")

    @property
    def left_out(self) -> int:
        """Titles of the test split that were left out."""
        return self.split_titles - self.titles

    @property
    def cross_validated(self) -> bool:
        """Whether these are the titles of all folds, not those of a test split."""
        return self.folds > TEST_SPLIT

    @property
    def kind(self) -> str:
        """What the titles are called in texts."""
        return "titles" if self.cross_validated else "test titles"

    @property
    def described(self) -> str:
        """How many titles there are, and how they were evaluated: 50,939 titles, cross-validated over 5 folds."""
        folds = f", cross-validated over {self.folds} folds" if self.cross_validated else ""
        return f"{self.titles:,} {self.kind}{folds}"

    def notes(self) -> list[str]:
        """What a person should know about the titles, a sentence each; empty if all of a test split were used."""
        notes = list(self.not_scored.values())
        compared = {label: found for label, found in self.fitted.items() if label not in self.not_scored}
        if self.folds:
            notes += self._notes_of_folds() if self.cross_validated else self._notes_of_test_split()
        if self.left_out:
            found = "; ".join(f"{label}: {titles}" for label, titles in compared.items())
            notes.append(
                f"{self.left_out:,} of {self.split_titles:,} {self.kind} were left out, because a compared model was "
                f"fitted on them ({found})."
            )
        for label, why in self.unread.items():
            notes.append(f"Could not check whether {label} was fitted on test titles: {why}")
        return notes

    def _notes_of_test_split(self) -> list[str]:
        """The notes if the test split is the only fold."""
        notes = [
            "The figures are of a model that was trained without the test titles. The model itself has the same "
            "hyperparameters and was trained on the test titles too.",
            *self._notes_of_untrained("test split"),
        ]
        if self.without_ensemble:
            notes.append(
                "The models that were trained without the test titles form no ensemble, so the best of them is "
                "evaluated instead."
            )
        return notes

    def _notes_of_untrained(self, tested: str) -> list[str]:
        if not self.untrained.titles:
            return []
        names = enumeration(self.untrained.first, len(self.untrained.first))
        more = ", ..." if self.untrained.categories > len(self.untrained.first) else ""
        return [
            f"{count(self.untrained.titles, 'title')} of {count(self.untrained.categories, 'category')} count as "
            f"errors, because their category has no training titles outside the {tested}: {names}{more}."
        ]

    def _notes_of_folds(self) -> list[str]:
        notes = [
            f"The figures are cross-validated over {self.folds} folds ({count(self.titles, 'title')}): each title was "
            "classified by a model trained without its fold. The model itself was trained on all titles."
        ]
        if alone := [label for label in self.fitted if label not in self.not_scored]:
            notes.append(
                f"{enumeration(alone, len(alone))} {'has' if len(alone) == 1 else 'have'} no models of these folds and "
                "classified the titles that no compared model was fitted on."
            )
        notes += self._notes_of_untrained("fold")
        if self.without_ensemble:
            where = enumeration([str(fold) for fold in self.without_ensemble], self.folds)
            what = "fold" if len(self.without_ensemble) == 1 else "folds"
            notes.append(
                f"The models of {what} {where} form no ensemble, so the best member is evaluated there instead."
            )
        return notes


class Scores(Stored):
    """scores.json: the evaluation of every model by its label. Without `test` it is of a version up to 0.1.0."""

    version: int = 2
    models: dict[str, Evaluation]
    test: TestSet | None = None
    reference: ReferenceModel | None = None
    suspects_by: str = Field("", description="label of the model that judged the labels in suspect_labels.csv")
    golden: GoldenTitles | None = Field(None, description="what `Evaluation.golden` rests on; None without any")
    validation: dict[str, float] = Field(
        default_factory=dict, description="by label, balanced accuracy on the validation titles"
    )

    @model_validator(mode="before")
    @classmethod
    def _of_0_1_0(cls, stored: Any) -> Any:
        """0.1.0 wrote the models at the top level."""
        wrapped = not isinstance(stored, Mapping) or isinstance(stored.get("version"), int)
        return stored if wrapped else {"version": 1, "models": stored}

    def timed(self, milliseconds: Mapping[str, float]) -> Scores:
        """The same with these `milliseconds_p95`, by label."""
        timed = {
            label: found.model_copy(update={"milliseconds_p95": milliseconds[label]})
            for label, found in self.models.items()
            if label in milliseconds
        }
        return self.model_copy(update={"models": {**self.models, **timed}})


class Choice(EnsembleSummary, Versioned):
    """choice.json: the stage ensemble's summary as a file."""

    version: int = 2


class JudgedWith(Stored):
    """How models were evaluated and decided on: if any of it changes, they have to be judged again."""

    evaluate: int = Field(description="version of the stage evaluate")
    promote: int = Field(description="version of the stage promote")
    params: dict[str, JsonValue] = Field(default_factory=dict, description="parameters of the stage evaluate")
    golden: str = Field("", description="digest of the golden titles; empty if there were none")


class Candidate(Stored):
    """A challenger: how it compares with the champion (None if there is none), and which gates it passes."""

    label: str
    comparison: Comparison | None = None
    gates: tuple[Gate, ...] = ()
    nominated: bool = Field(True, description="whether it was compared with the champion; before 0.2.0 all were")
    validation: float | None = Field(None, description="balanced accuracy on the validation titles")
    note: str = Field("", description="why it was not nominated")

    @property
    def passed(self) -> bool:
        """Whether it was nominated and no gate failed. Gates that could not be checked are in `unchecked`."""
        return self.nominated and all(gate.passed is not False for gate in self.gates)

    @property
    def unchecked(self) -> tuple[Gate, ...]:
        """The gates that could not be checked."""
        return tuple(gate for gate in self.gates if gate.passed is None)


def _or_none(value: Any, handler: ModelWrapValidatorHandler[Promote | None]) -> Promote | None:
    """Limits of another version that are not valid in this one are read as None."""
    try:
        return handler(value)
    except ValidationError:
        return None


class PromotionDecision(PromoteSummary, Versioned):
    """decision.json: what the stage promote decided, and from what."""

    version: int = 2
    test_titles: int = 0
    test: TestSet | None = Field(None, description="which test titles; None in decisions of 0.1.0")
    limits: Annotated[Promote | None, WrapValidator(_or_none)] = None
    scores: dict[str, Figures] = Field(default_factory=dict, description="by label")
    examined: tuple[Candidate, ...] = Field((), description="the challengers, the nominated one first")
    error: float | None = Field(
        None, description="standard error of the difference of the two compared models, if they are equally good"
    )


class Epoch(Stored):
    """One epoch of a training run, as in history.json and in the progress log. Missing fields are not written.

    history.json has no `seconds`: they are in its manifest.

    The fields are those of `core.training.progress.Epoch`. Histories of 0.1.0 have no `train_cross_entropy`, and their
    `train_loss` (with margin, smoothing and weights) must not be drawn on one axis with `validation_loss` (without).
    """

    epoch: int
    train_loss: float | None = None
    train_cross_entropy: float | None = None
    validation_loss: float | None = None
    validation_balanced_accuracy: float | None = None
    learning_rate: float | None = None
    seconds: float | None = None
    best: bool | None = None

    @model_serializer(mode="wrap")
    def _without_missing(self, handler: SerializerFunctionWrapHandler) -> dict[str, float | int | bool]:
        return {name: value for name, value in handler(self).items() if value is not None}


EPOCHS = TypeAdapter(tuple[Epoch, ...])
"""Parser of history.json."""
