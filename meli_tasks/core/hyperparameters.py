"""The one schema of hyperparameters: it checks the sets, builds Airflow's form and writes the command line's help.

Unknown keys are refused and every number has a range. Behind this door the values are plain.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MAX_LAYER_WIDTH = 65_536


class Section(BaseModel):
    """A stage's part of a set."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Preprocess(Section):
    """Titles to integers: how a title is cut into words, and which words and n-grams get a number."""

    tokenizer: Literal["default", "lab"] = Field(
        "default", description="'default' keeps digits and model names; 'lab' strips them, as the lab did"
    )
    max_words: int = Field(50_000, ge=2, le=5_000_000, description="words in the vocabulary at most, by frequency")
    min_word_count: int = Field(1, ge=1, le=1_000_000, description="occurrences in the training titles a word needs")
    max_title_words: int = Field(40, ge=1, le=1_000, description="words; a longer title is cut")
    boundaries: bool = Field(
        False, description="a word of its own at each end of a title: pairs and filters see where it begins and ends"
    )
    max_ngrams: int = Field(
        0, ge=0, le=5_000_000, description="word and character n-grams numbered at most; 0 for none"
    )
    min_ngram_count: int = Field(
        2, ge=1, le=1_000_000, description="occurrences in the training titles an n-gram needs"
    )
    word_ngrams: tuple[int, int] = Field((1, 2), description="shortest and longest word n-gram, in words")
    character_ngrams: tuple[int, int] = Field(
        (2, 5), description="shortest and longest n-gram within a word, in characters"
    )

    @model_validator(mode="after")
    def _ranges_ascend(self) -> Self:
        for name, (low, high) in (("word_ngrams", self.word_ngrams), ("character_ngrams", self.character_ngrams)):
            if not 1 <= low <= high <= 8:
                raise ValueError(f"{name} must be two ascending lengths between 1 and 8, seen ({low}, {high})")
        return self


class Embed(Section):
    """Word vectors: trained on the training titles, or read from a word2vec-format file."""

    method: Literal["fasttext", "word2vec", "pretrained"] = Field(
        "fasttext", description="'pretrained' reads `path`; the others train on the training titles with gensim"
    )
    dimensions: int = Field(100, ge=2, le=2_000, description="length of a word's vector")
    epochs: int = Field(5, ge=1, le=1_000, description="passes over the training titles")
    window: int = Field(5, ge=1, le=100, description="words of context on each side")
    path: str = Field(
        "", description="pretrained only: a word2vec file, text or binary, gzipped or not; a path or s3://"
    )
    unknown: Literal["zeros", "random"] = Field(
        "zeros", description="the vector of a word that the pretrained file lacks; the lab drew it at random"
    )
    min_coverage: float = Field(
        0.0, ge=0, le=1, description="share of the training titles' words that must have a vector, else the stage fails"
    )
    seed: int = Field(1, ge=0, le=2**31 - 1, description="seed of the vectors' training and of random vectors")

    @model_validator(mode="after")
    def _path_fits_method(self) -> Self:
        if self.method == "pretrained" and not self.path:
            raise ValueError("method 'pretrained' needs `path`: a file in word2vec format")
        return self


class Train(Section):
    """One architecture, one optimiser, one schedule."""

    architecture: Literal["mlp", "cnn"] = Field(description="'mlp': a bag of vectors; 'cnn': filters over the words")
    hidden: tuple[int, ...] = Field((256,), description="width of each dense layer after pooling; empty for none")
    dropout: float = Field(0.2, ge=0, le=0.95, description="share of activations dropped in training")
    word_vectors: Literal["frozen", "trained", "semi_frozen"] = Field(
        "frozen", description="'semi_frozen' trains only the `trained_words` most frequent, from `unfreeze_epoch` on"
    )
    trained_words: int = Field(5_000, ge=1, le=5_000_000, description="semi_frozen only: how many frequent words train")
    unfreeze_epoch: int = Field(1, ge=1, le=10_000, description="semi_frozen only: the first epoch in which they train")
    ngram_dimensions: int = Field(
        0, ge=0, le=4_096, description="length of an n-gram's trained vector; 0 for no n-grams"
    )
    ngram_dropout: float = Field(0.0, ge=0, le=0.95, description="share of a word's n-grams dropped in training")
    word_dropout: float = Field(
        0.0, ge=0, le=0.95, description="share of a title's words left out of its bag of n-grams in training"
    )
    filters: int = Field(100, ge=1, le=8_192, description="cnn only: filters of each length")
    filter_lengths: tuple[int, ...] = Field((2, 3, 4), description="cnn only: words that a filter sees")
    filter_ngrams: bool = Field(
        False, description="cnn only: the filters also see the n-grams within each word, as the sum of their vectors"
    )
    epochs: int = Field(10, ge=1, le=10_000, description="passes over the training titles")
    batch_size: int = Field(512, ge=1, le=1_048_576, description="titles a step")
    optimizer: Literal["adam", "adamw"] = Field(
        "adamw", description="'adam' couples weight decay to the gradient, as the lab's did"
    )
    learning_rate: float = Field(1e-3, gt=0, le=10, description="peak step size")
    weight_decay: float = Field(1e-5, ge=0, le=1, description="pull of the weights towards zero")
    schedule: Literal["constant", "cosine", "one_cycle"] = Field(
        "one_cycle", description="the learning rate's course over the steps"
    )
    warmup_share: float = Field(0.2, ge=0, le=0.9, description="one_cycle only: share of the steps that climb")
    gradient_clip: float = Field(0.0, ge=0, le=1e6, description="largest norm of the gradient; 0 for no limit")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="probability spread evenly over the categories")
    margin: float = Field(
        0.0, ge=0, le=100, description="taken off the true category's logit in the loss, so that it learns to lead"
    )
    class_weights: Literal["none", "sqrt", "balanced"] = Field("none", description="weight of a category by its rarity")
    unreliable_weight: float = Field(1.0, ge=0, le=1, description="weight of a title whose label is marked unreliable")
    patience: int = Field(
        0, ge=0, le=10_000, description="epochs without a better balanced accuracy before stopping; 0 never stops"
    )
    keep: Literal["best", "last"] = Field(
        "best", description="the epoch whose weights become the model; one that is asked to stop keeps the best"
    )
    seed: int = Field(1, ge=0, le=2**31 - 1, description="seed of the weights, the order and the dropout")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="of the products in training: bfloat16 is faster and coarser; 'auto': float32 on the CPU, bfloat16 "
        "on a card",
    )
    ema_decay: float = Field(
        0.0, ge=0, lt=1, description="the model is a running average of the weights over the steps; 0 for the weights"
    )
    logit_adjustment: float = Field(
        0.0,
        ge=0,
        le=10,
        description="how much of each category's log share is added to its logit in the loss; 0 for none",
    )
    dropout_at_evaluation: bool = Field(
        False, description="the lab's mistake: dropout also while measuring and predicting"
    )
    sigmoid_before_loss: bool = Field(
        False, description="the lab's mistake: a sigmoid on the logits before the cross-entropy"
    )
    mean_over_padding: bool = Field(
        False, description="the lab's mistake, mlp only: the mean also counts the batch's padding"
    )

    @model_validator(mode="after")
    def _shapes_fit(self) -> Self:
        if any(not 1 <= width <= MAX_LAYER_WIDTH for width in self.hidden):
            raise ValueError(f"hidden layers must be 1 to {MAX_LAYER_WIDTH} wide, seen {list(self.hidden)}")
        if not self.filter_lengths or any(length < 1 for length in self.filter_lengths):
            raise ValueError(f"filter_lengths needs lengths of 1 or more, seen {list(self.filter_lengths)}")
        if (self.ngram_dropout or self.word_dropout) and not self.ngram_dimensions:
            raise ValueError("ngram_dropout and word_dropout drop n-grams, but ngram_dimensions is 0: there are none")
        if self.filter_ngrams and (self.architecture != "cnn" or not self.ngram_dimensions):
            raise ValueError("filter_ngrams belongs to a cnn with n-grams: set ngram_dimensions, or leave it out")
        if self.mean_over_padding and self.architecture != "mlp":
            raise ValueError("mean_over_padding belongs to the mlp; the cnn takes a maximum")
        return self


class HyperparameterSet(Section):
    """A named set: every stage's parameters from words to weights."""

    title: str = Field(description="one line for lists and the form")
    description: str = Field("", description="what to expect of it, and why")
    variant: Literal["default", "quick", "faithful", "corrected", "searched"] = Field(
        "default", description="what kind of set it is"
    )
    preprocess: Preprocess = Preprocess()
    embed: Embed = Embed()
    train: Train

    @model_validator(mode="after")
    def _stages_fit(self) -> Self:
        if self.train.ngram_dimensions and not self.preprocess.max_ngrams:
            raise ValueError(
                "train.ngram_dimensions is set, but preprocess.max_ngrams is 0: there are no n-grams to train"
            )
        if self.train.architecture == "cnn" and max(self.train.filter_lengths) > self.preprocess.max_title_words:
            raise ValueError(
                f"a filter of {max(self.train.filter_lengths)} words is longer than the longest title "
                f"(preprocess.max_title_words {self.preprocess.max_title_words})"
            )
        return self


class Ingest(Section):
    """What of the source is used. One for all sets of a run, so that all see the same titles."""

    language: Literal["any", "spanish", "portuguese"] = Field("any", description="keep the titles of one language")
    reliable_only: bool = Field(False, description="keep only titles whose label is marked reliable")
    max_bad_share: float = Field(0.05, ge=0, le=1, description="share of bad rows above which the stage fails")
    max_title_characters: int = Field(1_000, ge=1, le=1_000_000, description="characters; a longer title is a bad row")
    min_category_rows: int = Field(
        10, ge=1, le=1_000_000, description="rows a category needs; smaller ones are set aside"
    )
    date_column: str = Field(
        "", description="column with the date of each title, for a source that is one growing table; empty for none"
    )
    since: date | None = Field(None, description="date_column only: the first day that is used; empty for no limit")
    until: date | None = Field(None, description="date_column only: the last day that is used, the run's date")

    @model_validator(mode="after")
    def _days_are_told_by_a_column(self) -> Self:
        if bool(self.date_column) != bool(self.until) or (self.since and not self.until):
            raise ValueError("date_column and until go together, and since only with both")
        if self.since and self.until and self.since > self.until:
            raise ValueError(f"since must not be after until, seen {self.since} and {self.until}")
        return self


class Ensemble(Section):
    """How the run's models are weighed into one."""

    members: int = Field(4, ge=2, le=16, description="models in the mean at most")
    max_worse: float = Field(
        0.9, ge=0, le=1, description="how probably its best member may beat the mean, by the validation titles"
    )
    bootstrap_samples: int = Field(1_000, ge=100, le=100_000, description="resamplings behind that probability")
    seed: int = Field(1, ge=0, le=2**31 - 1, description="seed of the resampling")
    max_titles: int = Field(
        50_000, ge=1, description="validation titles that the weights are chosen on at most, taken evenly from all"
    )


class Evaluate(Section):
    """How candidates are measured."""

    bootstrap_samples: int = Field(1_000, ge=100, le=100_000, description="resamplings behind each interval")
    seed: int = Field(1, ge=0, le=2**31 - 1, description="seed of the resampling")


class Promote(Section):
    """When a challenger replaces the champion."""

    mode: Literal["auto", "never"] = Field("auto", description="'never' measures and reports only")
    min_gain: float = Field(0.001, ge=0, le=1, description="balanced accuracy by which a challenger must be better")
    min_probability: float = Field(0.9, ge=0.5, le=1, description="bootstrap probability that it is better at all")
    max_category_drop: float = Field(
        0.5, ge=0, le=1, description="recall that no category with enough test titles may lose against the champion"
    )
    min_category_titles: int = Field(20, ge=1, description="test titles from which a category counts for that")
    max_milliseconds: float = Field(50.0, gt=0, description="milliseconds for one title, 95th percentile, at most")
    max_megabytes: float = Field(2_000.0, gt=0, description="megabytes of the model on disk at most")


class Promotion(Promote):
    """Parameters of the stage promote: the limits, and what they are applied to."""

    champion: str | None = Field(None, description="label of the current champion among the evaluated models")
    run_id: str = Field("", description="the DAG run that decides")
    ledger: int = Field(0, ge=0, description="number of the ledger's last decision when the models were evaluated")
