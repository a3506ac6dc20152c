"""Encoders learned from a few titles, as the preprocess stage learns them from many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain

import numpy as np

from meli_tasks.core.hyperparameters import Preprocess
from meli_tasks.core.text.boundaries import BOUNDARIES, with_boundaries
from meli_tasks.core.text.encoder import FIRST_WORD, Encoder, learn_ngrams


def encoder_of(titles: Sequence[Sequence[str]], params: Preprocess) -> Encoder:
    """From lists of words."""
    titles = [title[: params.max_title_words] for title in titles]
    if params.boundaries:
        titles = [with_boundaries(title) for title in titles]
    counted = Counter(chain.from_iterable(titles))
    words = sorted(counted, key=lambda word: (-counted[word], word))
    if params.boundaries:
        words = [*BOUNDARIES, *(word for word in words if word not in BOUNDARIES)]
    boundary_tokens = len(BOUNDARIES) * params.boundaries
    frequent = sum(counted[word] >= params.min_word_count for word in words[boundary_tokens:])
    vocabulary = boundary_tokens + min(params.max_words, frequent)
    ids = {word: index for index, word in enumerate(words, FIRST_WORD)}
    tokens = np.array([ids[word] for word in chain.from_iterable(titles)], dtype=np.int32)
    offsets = np.cumsum([0, *map(len, titles)])
    ngrams, weights = [], np.zeros(0, dtype=np.float32)
    if params.max_ngrams:
        ngrams, weights = learn_ngrams(words, vocabulary, tokens, offsets, params)
    return Encoder(
        params.tokenizer,
        words[:vocabulary],
        ngrams,
        weights,
        params.word_ngrams,
        params.character_ngrams,
        params.max_title_words,
        params.boundaries,
    )
