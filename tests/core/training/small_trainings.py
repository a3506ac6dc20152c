"""Titles, parameters and networks small enough to train in a test."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from meli_tasks.core.data.encoded_titles import EncodedTitles
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.models.networks import TitleNetwork, build

WORDS, CATEGORIES, NGRAMS = 40, 4, 60


def titles_of(count: int, seed: int, with_ngrams: bool = True) -> EncodedTitles:
    """Titles whose category shows in their words and n-grams: ids of category k are more often k modulo 4."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CATEGORIES, count)

    def ragged(low: int, high: int, top: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        sizes = random.integers(low, high, count)
        owner = np.repeat(labels, sizes)
        ids = random.integers(1, top // CATEGORIES, len(owner)) * CATEGORIES
        ids += np.where(random.random(len(owner)) < 0.7, owner, random.integers(0, CATEGORIES, len(owner)))
        return ids.astype(np.int32), np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)

    tokens, offsets = ragged(0, 6, WORDS)
    ngrams = None
    if with_ngrams:
        rows = np.random.default_rng(99).integers(0, NGRAMS, (WORDS, 3))  # of each word, whatever the titles
        char_ngrams = (rows.astype(np.int32).ravel(), np.arange(0, 3 * WORDS + 1, 3))
        ngrams = (char_ngrams, ragged(1, 4, NGRAMS), np.linspace(0.5, 2, NGRAMS, dtype=np.float32))
    reliable = random.random(count) < 0.5
    return EncodedTitles.from_arrays((tokens, offsets), WORDS, ngrams, labels.astype(np.int32), reliable)


def params_of(**values: Any) -> Train:
    base = {"architecture": "mlp", "hidden": (16,), "epochs": 3, "batch_size": 32, "learning_rate": 0.01}
    return Train.model_validate(base | values)


def network_for(params: Train) -> TitleNetwork:
    network = build(params, (WORDS, 8), NGRAMS, CATEGORIES)
    network.words.weight[1:] = torch.randn(WORDS - 1, 8, generator=torch.Generator().manual_seed(7))
    return network
