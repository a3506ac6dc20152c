"""What each stage returns: the content of its manifest's `summary`, with one frozen type per stage.

The runner writes them as JSON and `Manifest.read_summary` reads them back. Fields that a later version adds are
ignored, and a field that an earlier version did not write has a default, so every stored manifest stays readable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator
from typing_extensions import override

from meli_tasks.wording import count, doubtful_note, enumeration

POOR_COVERAGE = 0.1
"""Fraction of the corpus tokens. Vectors of the right language cover 80 % and more."""
ENSEMBLE = "ensemble"
"""The stage that combines a run's models, and the label of the resulting model. No set may have this name."""
NAMED = 10
"""How many files or categories a note names."""


class Summary(BaseModel):
    """Base of the summaries."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    def notes(self) -> list[str]:
        """What a person should know about the result though the stage succeeded; a sentence each."""
        return []


class Conditions(Summary):
    """What may change the result of a step without changing its key. Fields that are not known are empty."""

    device: str = Field("", description="cpu, or cuda with the name of the GPU")
    precision: str = Field("", description="of the training steps on that device: float32 or bfloat16")
    world_size: int = Field(0, description="processes that trained one model together")
    batch_size: int = Field(0, description="titles per step; smaller than the parameter if a GPU ran out of memory")
    stopped_by: str = Field("", description="who stopped the training run early, and when")
    threads: int = Field(0, description="threads of one process: they decide in which order numbers are added")
    torch: str = Field("", description="version of torch")


class RareCategories(Summary):
    """The categories with fewer rows than `min_category_rows`, whose rows are excluded."""

    rows: int = 0
    categories: int = 0
    largest: dict[str, int] = Field(default_factory=dict, description="rows of the largest of them, by category")


class IngestSummary(Summary):
    """What ingest read, and what it kept."""

    rows: int = Field(0, description="listings written")
    source_rows: int = Field(0, description="rows read from the source")
    empty_files: tuple[str, ...] = Field((), description="files of the source that hold no row")
    encoding: str = Field("", description="what to do about rows that are not UTF-8")
    doubtful_rows: int = Field(0, description="rows of CSV with a field of several lines that look like rows")
    first_doubtful: tuple[str, ...] = Field((), description="file and line of the first of them")
    bad_rows: int = Field(0, description="rows in quarantine")
    bad_by_reason: dict[str, int] = Field(default_factory=dict)
    excluded: dict[str, int] = Field(
        default_factory=dict,
        validation_alias=AliasChoices("excluded", "unwanted"),
        description="rows excluded, by the parameter that did it",
    )
    categories: int = 0
    similar_categories: tuple[tuple[str, ...], ...] = Field(
        (), description="groups of categories that differ only in case or in characters that are not displayed"
    )
    smallest_category: int = Field(0, description="rows of the smallest category")
    largest_category: int = Field(0, description="rows of the largest category")
    rare: RareCategories = Field(RareCategories(), validation_alias=AliasChoices("rare", "set_aside"))
    languages: dict[str, int] = Field(default_factory=dict, description="rows by language")
    label_qualities: dict[str, int] = Field(default_factory=dict, description="rows by label quality")
    splits: dict[str, int] = Field(default_factory=dict, description="rows by split")
    splits_from: str = Field("", description="where the splits come from")
    split_rule: str = Field(
        "", description="the rule that assigned every split (SPLIT_RULE); empty if the source did, or if unknown"
    )
    fingerprint: str = Field("", description="SHA-256 of the listings, whatever files they came in")

    @override
    def notes(self) -> list[str]:
        notes = []
        if self.empty_files:
            listed = enumeration(self.empty_files, NAMED)
            notes.append(f"{count(len(self.empty_files), 'file')} of the source without any row: {listed}.")
        if self.encoding:
            notes.append(self.encoding)
        if self.doubtful_rows:
            more = ", ..." if self.doubtful_rows > len(self.first_doubtful) else ""
            notes.append(doubtful_note(self.doubtful_rows, ", ".join(self.first_doubtful) + more))
        if self.similar_categories:
            listed = enumeration([" and ".join(map(repr, group)) for group in self.similar_categories], NAMED)
            notes.append(
                "These categories differ only in case or in characters that are not displayed; if they are one, write "
                f"it in one way: {listed}."
            )
        return notes


class UnseenCategories(Summary):
    """Titles whose category no training title has: validation titles are left out, those of a fold are errors."""

    titles: int = 0
    categories: int = 0
    first: tuple[str, ...] = Field((), description="the first few of these categories by name")


class PreprocessSummary(Summary):
    """What preprocess encoded; mappings are by split."""

    titles: dict[str, int] = Field(default_factory=dict)
    categories: int = 0
    words: int = Field(0, description="words in the vocabulary")
    ngrams: int = 0
    words_per_title: float = 0.0
    empty_fraction: dict[str, float] = Field(
        default_factory=dict,
        description="fraction of titles without any word",
        validation_alias=AliasChoices("empty_fraction", "empty_share"),
    )
    unknown_fraction: dict[str, float] = Field(
        default_factory=dict,
        description="fraction of words that are not in the vocabulary",
        validation_alias=AliasChoices("unknown_fraction", "unknown_share"),
    )
    unseen_categories: UnseenCategories = UnseenCategories()


class Coverage(Summary):
    """The fraction of words that have a vector."""

    words: float = Field(description="of the training titles' corpus tokens")
    vocabulary: float = Field(description="of the vocabulary, each word counted a single time")


class EmbedSummary(Summary):
    """Which word vectors embed wrote."""

    method: str
    words: int
    dimensions: int
    coverage: Coverage
    uncovered: dict[str, int] = Field(
        default_factory=dict, description="the most frequent words without a vector, with their occurrences"
    )
    spelled_otherwise: float | None = Field(
        None,
        description="fraction of the corpus tokens with a vector if case and accents are ignored; only if few have one",
    )

    @property
    def is_poorly_covered(self) -> bool:
        """Whether so few words have a vector that the file is probably the wrong one."""
        return self.method == "pretrained" and self.coverage.words < POOR_COVERAGE

    @override
    def notes(self) -> list[str]:
        if not self.is_poorly_covered:
            return []
        found = (
            f"Only {self.coverage.words:.2%} of the words of the training titles have"
            if self.coverage.vocabulary
            else "No word of the training titles has"
        )
        found += " a vector in the file of embed.path; words without one start as embed.unknown says."
        if (self.spelled_otherwise or 0) >= 2 * self.coverage.words + 0.01:
            advice = (
                f"If case and accents are ignored, {self.spelled_otherwise:.1%} have one: write the words in the file "
                "in lower case, with accents for preprocess.tokenizer=lab and without them for default."
            )
        else:
            advice = "Is it the right file, and in the right language?"
        return [f"{found} {advice}"]


class TrainSummary(Summary):
    """The epoch whose weights became the model, and how the training run ended."""

    kept_epoch: int = 0
    validation_balanced_accuracy: float = 0.0
    validation_loss: float = Field(0.0, description="mean cross-entropy on the validation titles")
    train_loss: float = Field(0.0, description="mean of the loss that is minimized, with margin, smoothing and weights")
    train_cross_entropy: float | None = Field(None, description="the quantity of `validation_loss`, on training titles")
    epochs_run: int = 0
    parameters: int = Field(0, description="number of weights of the network")
    trained_parameters: int = Field(0, description="number of weights that are trained")
    device: str = Field("", description="cpu, or cuda with the name of the GPU")
    threads: int = Field(0, description="threads of each process")
    precision: str = Field("", description="of the training steps: float32 or bfloat16")
    world_size: int = Field(0, description="processes that trained together")
    batch_size_used: int = Field(0, description="smaller than the parameter if a GPU ran out of memory")
    stopped_by: str = Field("", description="who requested the stop, and when; empty if nobody did")


class EnsembleSummary(Summary):
    """The members with their weights, and whether the validation titles let the ensemble be a candidate."""

    offered: bool = Field(False, description="whether the ensemble was written as a model")
    reason: str = ""
    weights: dict[str, float] = Field(default_factory=dict, description="by member; they add up to 1")
    inverse_temperatures: dict[str, float] = Field(
        default_factory=dict,
        validation_alias=AliasChoices("inverse_temperatures", "sharpness"),  # `sharpness` in 0.1.0
        description="by member",
    )
    validation_balanced_accuracy: float = 0.0
    gain: float = Field(0.0, description="in balanced accuracy over the best member")
    probability_worse: float = Field(1.0, description="bootstrap probability that the best member is better")
    best_member: str = ""
    models: dict[str, float] = Field(default_factory=dict, description="balanced accuracy of every model, by label")
    validation_titles: int = 0
    unknown_titles: int = Field(0, description="validation titles left out, as no model knows their category")


class ReferenceSummary(Summary):
    """What the reference model was fitted on."""

    trained_titles: int = Field(0, description="titles that it was fitted on")
    train_titles: int = Field(0, description="titles of the train split")
    test_titles: int = Field(0, description="titles that it classified")
    categories: int = Field(0, description="categories of the titles that it was fitted on")


class EvaluateSummary(Summary):
    """The balanced accuracy of every model on the test titles, by label."""

    test_titles: int = Field(0, description="titles on which the models were evaluated")
    left_out: int = Field(0, description="titles of the test split that a compared model was fitted on")
    not_scored: dict[str, str] = Field(default_factory=dict, description="why a model has no figures, by label")
    test_categories: int = 0
    balanced_accuracy: dict[str, float] = Field(default_factory=dict)
    reference: float | None = Field(None, description="balanced accuracy of the reference model")
    reference_notes: tuple[str, ...] = Field((), description="which models do not beat the reference model")
    suspects_by: str = Field("", description="label of the model that judged the labels in suspect_labels.csv")
    golden_titles: int | None = Field(None, description="golden titles that were checked; None if there are none")
    golden_lost: dict[str, int] = Field(default_factory=dict, description="golden titles that a model loses, by label")
    golden_notes: tuple[str, ...] = Field((), description="which golden titles were not checked, and why")

    @override
    def notes(self) -> list[str]:
        lost = [f"{label} misclassifies {titles:,}" for label, titles in self.golden_lost.items() if titles]
        found = [f"Of {count(self.golden_titles or 0, 'golden title')}, {enumeration(lost, NAMED)}."] if lost else []
        return [*found, *self.golden_notes, *self.reference_notes]


class Gate(Summary):
    """One condition that a challenger must meet: the observed value, and the limit that it is compared with.

    `passed` is None if the condition could not be checked; `detail` says why.
    """

    name: str
    passed: bool | None
    value: float | None = Field(None, validation_alias=AliasChoices("value", "seen"))  # `seen` in 0.1.0
    limit: float
    detail: str = ""

    @model_validator(mode="before")
    @classmethod
    def _of_0_1_0(cls, stored: Any) -> Any:
        """0.1.0 wrote that a gate without any category to look at was passed."""
        if not isinstance(stored, Mapping) or stored.get("name") != "category_drop":
            return stored
        unseen = stored.get("value", stored.get("seen")) is None
        return {**stored, "passed": None} if unseen and stored.get("passed") else stored

    @property
    def state(self) -> Literal["passed", "failed", "not checked"]:
        """The outcome in words."""
        return "not checked" if self.passed is None else "passed" if self.passed else "failed"


Verdict = Literal["promote", "keep", "ask"]
"""What follows from an evaluation; "ask": every gate is passed, or the evidence is borderline, and a person decides."""


class PromoteSummary(Summary):
    """Whether a challenger replaces the champion, and why. Labels are those of the evaluation."""

    verdict: Verdict = "keep"
    promoted: str | None = Field(None, description="only if the verdict is to promote it")
    champion: str | None = None
    challenger: str | None = None
    nominated: str | None = Field(
        None, description="the challenger that was compared with the champion on the test titles, if one was"
    )
    why_nominated: str = ""
    borderline: bool = Field(
        False, description="whether the probability is so close to its limit that a person decides"
    )
    selection_bias: float = Field(
        0.0, ge=0, description="by how much the champion's figure on these titles is too high since it was selected"
    )
    champion_bias: float | None = Field(
        None, description="the same of the figure that it was promoted with, by all that is known now; None if unknown"
    )
    nominated_bias: float = Field(0.0, ge=0, description="the same of the nominated model, should it become champion")
    reason: str = ""
    gain: float | None = None
    gain_interval: tuple[float, float] | None = None
    probability: float | None = None
    gates: tuple[Gate, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _without_verdict(cls, stored: Any) -> Any:
        """Decisions of earlier versions have no verdict: they either promoted a model or kept the champion."""
        if not isinstance(stored, Mapping) or "verdict" in stored or not stored.get("promoted"):
            return stored
        return {**stored, "verdict": "promote"}
