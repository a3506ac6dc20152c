"""The schema of all hyperparameters: it validates the sets; Airflow's form and the command line's help come from it.

Unknown keys are rejected and every number has a range, so code behind the schema need not check again.

Here is what authors of sets write; the parameters of the other stages are in `stage_parameters`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from meli_tasks.core.choices import Choices
from meli_tasks.core.section import Section

MAX_LAYER_WIDTH = 65_536
MAX_LAYERS = 16
MAX_FILTER_LENGTHS = 16


class Preprocess(Section):
    """How titles are split into words, and which words and n-grams get an id."""

    tokenizer: Annotated[
        Literal["default", "lab"],
        Choices(default="keeps digits and model names", lab="removes digits and model names, as the lab did"),
    ] = Field("default", description="How a title is split into words.")
    max_words: int = Field(
        50_000, ge=2, le=5_000_000, description="Maximum vocabulary size; the most frequent words are kept."
    )
    min_word_count: int = Field(
        1, ge=1, le=1_000_000, description="Minimum frequency of a word in the training titles."
    )
    word_frequency: Annotated[
        Literal["occurrences", "titles"],
        Choices(
            occurrences="all occurrences of a word in the training titles",
            titles="the titles that contain it, as the lab did (gensim's filter_extremes)",
        ),
    ] = Field("occurrences", description="What max_words and min_word_count count.")
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

    method: Annotated[
        Literal["fasttext", "word2vec", "pretrained"],
        Choices(
            fasttext="trained on the training titles, with character n-grams",
            word2vec="trained on the training titles, whole words only",
            pretrained="read from the file in `path`",
        ),
    ] = Field("fasttext", description="Where the word vectors come from.")
    dimensions: int = Field(100, ge=2, le=2_000, description="Dimensions of a word vector.")
    epochs: int = Field(5, ge=1, le=1_000, description="Passes over the training titles.")
    window: int = Field(5, ge=1, le=100, description="Context window: words on each side.")
    path: str = Field(
        "",
        description="Only for 'pretrained': path or URL (s3://, https://) of a word2vec file, text or binary.",
    )
    unknown: Annotated[
        Literal["zeros", "random"], Choices(zeros="all zeros", random="drawn at random, as the lab did")
    ] = Field("zeros", description="Vector of a word that the pretrained file does not contain.")
    min_coverage: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Minimum fraction of the words in the training titles that have a vector; below it, embed fails.",
    )
    seed: int = Field(1, ge=0, le=2**31 - 1, description="Seed for training the vectors and for random vectors.")

    places: ClassVar[frozenset[str]] = frozenset({"path"})

    @model_validator(mode="after")
    def _path_fits_method(self) -> Self:
        if self.method == "pretrained" and not self.path:
            raise ValueError("method 'pretrained' needs `path`, a file in word2vec format")
        return self


class Train(Section):
    """The network, its optimizer and its schedule."""

    architecture: Annotated[
        Literal["mlp", "cnn"], Choices(mlp="averages the word vectors", cnn="applies filters to the word vectors")
    ] = Field(description="Kind of network.")
    hidden: tuple[int, ...] = Field(
        (256,), description="Width of each dense layer after pooling, e.g. 256,128; [] for none."
    )
    dropout: float = Field(0.2, ge=0, le=0.95, description="Dropout probability.")
    word_vectors: Annotated[
        Literal["frozen", "trained", "semi_frozen"],
        Choices(
            frozen="none",
            trained="all",
            semi_frozen="those of the `trained_words` most frequent words, from `unfreeze_epoch` on",
        ),
    ] = Field("frozen", description="Which word vectors are trained.")
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
    optimizer: Annotated[
        Literal["adam", "adamw"],
        Choices(adam="adds the weight decay to the gradient, as in the lab", adamw="decouples the weight decay"),
    ] = Field("adamw", description="Optimizer.")
    row_correction: Annotated[
        Literal["own_steps", "all_steps"],
        Choices(
            own_steps="those that changed the vector, as Adam is defined",
            all_steps="all, so that rare words and n-grams take steps of up to 31 times the learning rate",
        ),
    ] = Field(
        "own_steps",
        description="Only for 'adamw': which steps Adam's bias correction of a word's or an n-gram's vector counts.",
    )
    learning_rate: float = Field(1e-3, gt=0, le=10, description="Peak learning rate.")
    weight_decay: float = Field(1e-5, ge=0, le=1, description="Weight-decay coefficient.")
    schedule: Annotated[
        Literal["constant", "cosine", "one_cycle"],
        Choices(
            constant="the learning rate does not change",
            cosine="falls from the peak to 0 along a cosine",
            one_cycle="rises to the peak, then falls",
        ),
    ] = Field("one_cycle", description="Learning-rate schedule.")
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
    class_weights: Annotated[
        Literal["none", "sqrt", "balanced"],
        Choices(
            none="every title counts the same",
            sqrt="in between: by the square root of the balanced weight",
            balanced="every category counts the same",
        ),
    ] = Field("none", description="How strongly the loss emphasises rare categories.")
    unreliable_weight: float = Field(
        1.0, ge=0, le=1, description="Weight of titles whose label is marked as unreliable."
    )
    patience: int = Field(
        0,
        ge=0,
        le=10_000,
        description="Epochs without a better balanced accuracy before training stops; 0 disables early stopping.",
    )
    keep: Annotated[
        Literal["best", "last"],
        Choices(best="the one with the best balanced accuracy on the validation titles", last="the last one"),
    ] = Field(
        "best", description="Epoch whose weights become the model; if training is stopped early, it is always the best."
    )
    seed: int = Field(
        1, ge=0, le=2**31 - 1, description="Seed for the initial weights, the order of the titles and dropout."
    )
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        Choices(
            auto="float32 on the CPU, bfloat16 on a GPU",
            float32="slower and more precise",
            bfloat16="faster and less precise",
        ),
    ] = Field("auto", description="Precision of matrix products in training.")
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
