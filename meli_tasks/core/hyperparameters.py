"""The schema of all hyperparameters: it validates the sets; Airflow's form and the command line's help come from it.

Unknown keys are rejected and every number has a range, so code behind the schema need not check again.

A field that is renamed keeps its former name in `former_names` of its section: files, plans and requests that use it
stay valid, and content keys are computed from it, so that a renamed field changes no key. A field that is added is
listed in `added_fields` of its section: while it has its default it is not part of content keys, so it changes none.

All sections are in this one file, although it is long, because authors of sets read them as one document.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

MAX_LAYER_WIDTH = 65_536
MAX_LAYERS = 16
MAX_FILTER_LENGTHS = 16
MIN_FOLDS, MAX_FOLDS = 3, 10


def _no_fold_or_enough(folds: int) -> int:
    if 0 < folds < MIN_FOLDS:
        raise ValueError(f"use 0 for no folds, or {MIN_FOLDS} to {MAX_FOLDS}")
    return folds


Folds = Annotated[int, Field(ge=0, le=MAX_FOLDS), AfterValidator(_no_fold_or_enough)]
"""A number of folds; 0 means no cross-validation."""


class Section(BaseModel):
    """The hyperparameters of one stage."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    former_names: ClassVar[Mapping[str, str]] = {}
    """Former names of renamed fields -> current names."""

    added_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields that 0.1.0 did not have."""

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
        """Return what content keys are computed from: former names, without added fields that have their default."""
        defaults = {name: cls.model_fields[name].default for name in cls.added_fields}
        return {
            name: value
            for name, value in cls.with_former_names(values).items()
            if name not in defaults or value != defaults[name]
        }

    @model_validator(mode="before")
    @classmethod
    def _accept_former_names(cls, values: Any) -> Any:
        return cls.with_current_names(values) if isinstance(values, Mapping) else values


class Preprocess(Section):
    """How titles are split into words, and which words and n-grams get an id."""

    tokenizer: Literal["default", "lab"] = Field(
        "default", description="'default' keeps digits and model names; 'lab' removes them, as the lab did."
    )
    max_words: int = Field(
        50_000, ge=2, le=5_000_000, description="Maximum vocabulary size; the most frequent words are kept."
    )
    min_word_count: int = Field(
        1, ge=1, le=1_000_000, description="Minimum frequency of a word in the training titles."
    )
    word_frequency: Literal["occurrences", "titles"] = Field(
        "occurrences",
        description="What max_words and min_word_count count: all occurrences of a word in the training titles, or the "
        "titles that contain it, as the lab did (gensim's filter_extremes).",
    )
    max_title_words: int = Field(
        40, ge=1, le=1_000, description="Maximum length of a title in words; longer titles are truncated."
    )
    boundaries: bool = Field(
        False,
        description="Add a boundary token at each end of a title, so that n-grams and filters see its start and end.",
    )
    max_ngrams: int = Field(
        0,
        ge=0,
        le=5_000_000,
        description="Maximum number of word and character n-grams; the most frequent are kept, 0 disables them.",
    )
    min_ngram_count: int = Field(
        2, ge=1, le=1_000_000, description="Minimum number of occurrences of an n-gram in the training titles."
    )
    word_ngrams: tuple[int, int] = Field((1, 2), description="Shortest and longest word n-gram, in words.")
    character_ngrams: tuple[int, int] = Field(
        (2, 5), description="Shortest and longest character n-gram within a word."
    )

    added_fields: ClassVar[frozenset[str]] = frozenset({"word_frequency"})

    @model_validator(mode="after")
    def _ranges_ascend(self) -> Self:
        for name, (low, high) in (("word_ngrams", self.word_ngrams), ("character_ngrams", self.character_ngrams)):
            if not 1 <= low <= high <= 8:
                raise ValueError(f"{name} must be two ascending lengths between 1 and 8, got ({low}, {high})")
        return self


class Embed(Section):
    """Word vectors, trained on the training titles or read from a file in word2vec format."""

    method: Literal["fasttext", "word2vec", "pretrained"] = Field(
        "fasttext", description="'pretrained' reads `path`; the other methods train on the training titles with gensim."
    )
    dimensions: int = Field(100, ge=2, le=2_000, description="Dimensions of a word vector.")
    epochs: int = Field(5, ge=1, le=1_000, description="Passes over the training titles.")
    window: int = Field(5, ge=1, le=100, description="Context window: words on each side.")
    path: str = Field(
        "",
        description="Only for 'pretrained': path or URL (s3://, https://) of a word2vec file, text or binary.",
    )
    unknown: Literal["zeros", "random"] = Field(
        "zeros", description="Vector of a word that the pretrained file does not contain; the lab drew it at random."
    )
    min_coverage: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Minimum fraction of the words in the training titles that have a vector; below it, embed fails.",
    )
    seed: int = Field(1, ge=0, le=2**31 - 1, description="Seed for training the vectors and for random vectors.")

    @model_validator(mode="after")
    def _path_fits_method(self) -> Self:
        if self.method == "pretrained" and not self.path:
            raise ValueError("method 'pretrained' needs `path`, a file in word2vec format")
        return self


class Train(Section):
    """The network, its optimizer and its schedule."""

    architecture: Literal["mlp", "cnn"] = Field(
        description="'mlp' averages the word vectors; 'cnn' applies filters to them."
    )
    hidden: tuple[int, ...] = Field((256,), description="Width of each dense layer after pooling; empty for none.")
    dropout: float = Field(0.2, ge=0, le=0.95, description="Dropout probability.")
    word_vectors: Literal["frozen", "trained", "semi_frozen"] = Field(
        "frozen",
        description="Which word vectors are trained: none ('frozen'), all ('trained'), or those of the `trained_words` "
        "most frequent words from `unfreeze_epoch` on ('semi_frozen').",
    )
    trained_words: int = Field(
        5_000,
        ge=1,
        le=5_000_000,
        description="Only for 'semi_frozen': number of most frequent words whose vectors are trained.",
    )
    unfreeze_epoch: int = Field(
        1, ge=1, le=10_000, description="Only for 'semi_frozen': first epoch in which those vectors are trained."
    )
    ngram_dimensions: int = Field(
        0, ge=0, le=4_096, description="Dimensions of an n-gram vector; 0 for a network without n-grams."
    )
    ngram_dropout: float = Field(0.0, ge=0, le=0.95, description="Dropout probability of each n-gram of a word.")
    word_dropout: float = Field(
        0.0, ge=0, le=0.95, description="Dropout probability of each word of a title in its bag of n-grams."
    )
    filters: int = Field(100, ge=1, le=8_192, description="Only for 'cnn': number of filters of each length.")
    filter_lengths: tuple[int, ...] = Field((2, 3, 4), description="Only for 'cnn': filter lengths in words.")
    filter_ngrams: bool = Field(
        False, description="Only for 'cnn': the filters also read the sum of each word's n-gram vectors."
    )
    epochs: int = Field(10, ge=1, le=10_000, description="Passes over the training titles.")
    batch_size: int = Field(512, ge=1, le=1_048_576, description="Titles per step.")
    optimizer: Literal["adam", "adamw"] = Field(
        "adamw", description="'adam' adds the weight decay to the gradient, as in the lab; 'adamw' decouples it."
    )
    row_correction: Literal["own_steps", "all_steps"] = Field(
        "own_steps",
        description="Only for 'adamw': which steps Adam's bias correction of a word's or an n-gram's vector counts. "
        "'own_steps': those that changed the vector, as Adam is defined. 'all_steps': all, so that rare words and "
        "n-grams take steps of up to 31 times the learning rate.",
    )
    learning_rate: float = Field(1e-3, gt=0, le=10, description="Peak learning rate.")
    weight_decay: float = Field(1e-5, ge=0, le=1, description="Weight-decay coefficient.")
    schedule: Literal["constant", "cosine", "one_cycle"] = Field("one_cycle", description="Learning-rate schedule.")
    warmup_fraction: float = Field(
        0.2, ge=0, le=0.9, description="Only for 'one_cycle': fraction of the steps in which the learning rate rises."
    )
    gradient_clip: float = Field(0.0, ge=0, le=1e6, description="Maximum norm of the gradient; 0 disables clipping.")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Probability mass spread evenly over all categories.")
    margin: float = Field(
        0.0,
        ge=0,
        le=100,
        description="Margin subtracted from the true category's logit in the loss, which widens its lead; 0 for none.",
    )
    class_weights: Literal["none", "sqrt", "balanced"] = Field(
        "none", description="How strongly the loss emphasises rare categories."
    )
    unreliable_weight: float = Field(
        1.0, ge=0, le=1, description="Weight of titles whose label is marked as unreliable."
    )
    patience: int = Field(
        0,
        ge=0,
        le=10_000,
        description="Epochs without a better balanced accuracy before training stops; 0 disables early stopping.",
    )
    keep: Literal["best", "last"] = Field(
        "best", description="Epoch whose weights become the model; if training is stopped early, it is always the best."
    )
    seed: int = Field(
        1, ge=0, le=2**31 - 1, description="Seed for the initial weights, the order of the titles and dropout."
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="Precision of matrix products in training: bfloat16 is faster and less precise; 'auto' means "
        "float32 on the CPU and bfloat16 on a GPU.",
    )
    ema_decay: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Decay of the exponential moving average of the weights that becomes the model; 0 disables it.",
    )
    logit_adjustment: float = Field(
        0.0,
        ge=0,
        le=10,
        description="Factor of the log prior that is added to the logit of each category in the loss; 0 disables it.",
    )
    dropout_at_evaluation: bool = Field(
        False, description="Reproduces a mistake of the lab: dropout stays on in validation and prediction."
    )
    sigmoid_before_loss: bool = Field(
        False, description="Reproduces a mistake of the lab: a sigmoid is applied before the cross-entropy."
    )
    mean_over_padding: bool = Field(
        False,
        description="Reproduces a mistake of the lab, only for 'mlp': the mean includes the padding of the batch.",
    )
    max_over_padding: bool = Field(
        False,
        description="Reproduces a mistake of the lab, only for 'cnn': the maximum includes the padding of the batch.",
    )

    former_names: ClassVar[Mapping[str, str]] = {"warmup_share": "warmup_fraction"}
    added_fields: ClassVar[frozenset[str]] = frozenset({"row_correction", "max_over_padding"})

    @property
    def sees_padding(self) -> bool:
        """Whether a title's logits depend on the padding of its batch, a mistake of the lab."""
        return self.mean_over_padding or self.max_over_padding

    @model_validator(mode="after")
    def _shapes_fit(self) -> Self:
        if any(not 1 <= width <= MAX_LAYER_WIDTH for width in self.hidden):
            raise ValueError(f"hidden layers must be 1 to {MAX_LAYER_WIDTH} wide, got {list(self.hidden)}")
        if len(self.hidden) > MAX_LAYERS:
            raise ValueError(f"hidden takes at most {MAX_LAYERS} layers, got {len(self.hidden)}")
        if len(self.filter_lengths) > MAX_FILTER_LENGTHS:
            raise ValueError(
                f"filter_lengths takes at most {MAX_FILTER_LENGTHS} lengths, got {len(self.filter_lengths)}"
            )
        if not self.filter_lengths or any(length < 1 for length in self.filter_lengths):
            raise ValueError(f"filter_lengths needs lengths of 1 or more, got {list(self.filter_lengths)}")
        if (self.ngram_dropout or self.word_dropout) and not self.ngram_dimensions:
            raise ValueError("ngram_dropout and word_dropout need n-grams, but ngram_dimensions is 0")
        if self.filter_ngrams and (self.architecture != "cnn" or not self.ngram_dimensions):
            raise ValueError("filter_ngrams needs a cnn with n-grams: set ngram_dimensions, or remove filter_ngrams")
        if self.mean_over_padding and self.architecture != "mlp":
            raise ValueError("mean_over_padding is only for the mlp: the cnn takes a maximum")
        if self.max_over_padding and self.architecture != "cnn":
            raise ValueError("max_over_padding is only for the cnn: the mlp takes a mean")
        return self


class HyperparameterSet(Section):
    """A set: a named hyperparameter configuration of every stage from words to weights."""

    title: str = Field(description="One line, for lists and the form.")
    description: str = Field("", description="What to expect of the set, and why.")
    variant: Literal["default", "quick", "faithful", "corrected", "searched"] = Field(
        "default", description="Kind of set."
    )
    preprocess: Preprocess = Preprocess()
    embed: Embed = Embed()
    train: Train

    @model_validator(mode="after")
    def _stages_fit(self) -> Self:
        if self.train.ngram_dimensions and not self.preprocess.max_ngrams:
            raise ValueError("train.ngram_dimensions is set, but there are no n-grams: preprocess.max_ngrams is 0")
        if self.train.architecture == "cnn" and max(self.train.filter_lengths) > self.preprocess.max_title_words:
            raise ValueError(
                f"a filter of {max(self.train.filter_lengths)} words is longer than the longest title "
                f"(preprocess.max_title_words {self.preprocess.max_title_words})"
            )
        return self


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
    folds: Folds = Field(0, description="Folds of the cross-validation on all titles; 0 evaluates on the test split.")

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

    champion: str | None = Field(None, description="Label of the current champion among the evaluated models.")
    run_id: str = Field("", description="DAG run that decides.")
    ledger: int = Field(
        0, ge=0, description="Number of the last decision in the ledger when the models were evaluated."
    )
    history: TestHistory | None = Field(None, description="Earlier figures on these titles; None if unknown.")
