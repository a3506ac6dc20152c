"""What is trained: a set, on generated titles with the word statistics of real ones, made as arrays in seconds.

Lengths and categories are like those of the 50,939 Spanish titles of the challenge. The numbers of n-grams are
estimates.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.generated_rows import CATEGORIES, generated_ids, generated_rows
from meli_tasks.core.data.encoded_titles import EncodedTitles, Ragged
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.models.networks import TitleNetwork, build
from meli_tasks.core.training.trainer import Training

SETS = ("mlp_1", "cnn_1", "mlp", "cnn")
"""The lab's MLP and CNN, and the default sets."""

BOUNDARY_TOKENS = 2
CHAR_NGRAMS_PER_WORD = 18
KNOWN_PAIRS = 0.5
"""The fraction of a title's pairs of words that are known n-grams."""
VALIDATION_TITLES = 1_000


@dataclass(frozen=True)
class Workload:
    """A set and the sizes of its data. `batch_size` and `precision` replace the set's if they are given."""

    name: str
    titles: int
    vocabulary: int = 50_000
    ngrams: int = 150_000
    batch_size: int = 0
    precision: str = ""
    seed: int = 1

    def __str__(self) -> str:
        changes = [f"batch {self.batch_size:,}"] if self.batch_size else []
        changes += [self.precision] if self.precision else []
        changes += [f"{self.vocabulary:,} words"] if self.vocabulary != 50_000 else []
        return ", ".join([self.name, f"{self.titles:,} titles", *changes])

    @property
    def params(self) -> Train:
        """The hyperparameters."""
        values = dict(_sets()[self.name]["train"])
        if self.batch_size:
            values["batch_size"] = self.batch_size
        if self.precision:
            values["precision"] = self.precision
        return Train.model_validate(values)

    @property
    def dimensions(self) -> int:
        """Dimensions of a word vector."""
        return int(_sets()[self.name]["dimensions"])


@cache
def _sets() -> dict[str, dict[str, Any]]:
    """The sets, as `python -m benchmarks.gpu.write_sets` copied them: a bare machine has no reader of YAML."""
    text = (resources.files("benchmarks.gpu") / "sets.json").read_text(encoding="utf-8")
    loaded: dict[str, dict[str, Any]] = json.loads(text)
    return loaded


def titles_of(workload: Workload, number: int, seed: int, device: str) -> EncodedTitles:
    """Generated titles on a device, with n-grams if the set reads them."""
    random = np.random.default_rng(seed)
    rows = generated_rows(number, seed, workload.vocabulary)
    if not workload.params.ngram_dimensions:
        return EncodedTitles.from_arrays(
            (rows.tokens, rows.offsets), workload.vocabulary + 2, labels=rows.labels, device=device
        )
    tokens, offsets = _with_boundaries(rows.tokens, rows.offsets)
    lengths = np.diff(offsets)
    word_ngrams = _ragged(random.binomial(np.maximum(lengths - 1, 0), KNOWN_PAIRS), workload.ngrams, random)
    of_words = np.random.default_rng(workload.seed)  # the same for all titles
    char_ngrams = _ragged(of_words.poisson(CHAR_NGRAMS_PER_WORD, workload.vocabulary + 2), workload.ngrams, of_words)
    weights = np.linspace(2, 12, workload.ngrams, dtype=np.float32)
    return EncodedTitles.from_arrays(
        (tokens, offsets), workload.vocabulary + 2, (char_ngrams, word_ngrams, weights), rows.labels, device=device
    )


def training_of(workload: Workload, device: str, titles: EncodedTitles | None = None) -> tuple[Training, EncodedTitles]:
    """A training run before its first step, and its titles, which another run may use too."""
    titles = titles or titles_of(workload, workload.titles, workload.seed, device)
    validation = titles_of(workload, min(VALIDATION_TITLES, workload.titles), workload.seed + 1, device)
    network = network_of(workload).to(device)
    return Training(network, titles, validation, workload.params), titles


def network_of(workload: Workload) -> TitleNetwork:
    """The network, on the CPU, with random word vectors."""
    shape = (workload.vocabulary + 2, workload.dimensions)
    network = build(workload.params, shape, workload.ngrams, CATEGORIES)
    network.words.weight.copy_(torch.randn(shape, generator=torch.Generator().manual_seed(workload.seed)))
    network.words.weight[0] = 0
    network.words.weight_changed()
    return network


def _with_boundaries(tokens: NDArray[np.int32], offsets: NDArray[np.int64]) -> Ragged:
    """The titles with the first two words of the vocabulary at their ends, as the most frequent words."""
    moved = offsets + BOUNDARY_TOKENS * np.arange(len(offsets))
    longer = np.full(moved[-1], 2, np.int32)
    longer[moved[1:] - 1] = 3
    inside = np.arange(len(tokens)) + np.repeat(BOUNDARY_TOKENS * np.arange(len(offsets) - 1) + 1, np.diff(offsets))
    longer[inside] = tokens
    return longer, moved


def _ragged(sizes: NDArray[np.int64], count: int, random: np.random.Generator) -> Ragged:
    """Ragged rows of ids below `count`, the small ones more frequent."""
    offsets = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    return generated_ids(int(offsets[-1]), count, random), offsets
