"""Trains word vectors on the training titles with gensim."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from gensim.models import FastText, Word2Vec
from gensim.models.callbacks import CallbackAny2Vec
from numpy.typing import NDArray

from meli_tasks.core.errors import BadData
from meli_tasks.core.hyperparameters import Embed
from meli_tasks.core.text.boundaries import BOUNDARIES
from meli_tasks.core.text.coverage import within
from meli_tasks.core.text.encoder import FIRST_WORD
from meli_tasks.stages.hooks import Log

SUBWORD_BUCKETS = (
    100_000  # rows of FastText's hashed character n-grams; the default, 2 million, takes 800 MB with 100 dimensions
)
# Character n-grams of 3 and 4 letters and 3 negative samples, where gensim's defaults are 3 to 6 and 5: an equally good
# start for a network, which trains the vectors further and may have its own n-grams, in three quarters of the time
# (docs/log.md).
MAX_CHAR_NGRAM = 4
NEGATIVE_SAMPLES = 3
TITLES_AT_ONCE = 10_000


class Titles:
    """The training titles as lists of known words; gensim iterates several times, with thousands of titles in memory.

    Boundary tokens are excluded: they are near every word, so their context says nothing.
    """

    def __init__(self, tokens: NDArray[np.int32], offsets: NDArray[np.int64], words: list[str]) -> None:
        self.tokens, self.offsets = tokens, offsets
        self.words: list[str | None] = [None] * FIRST_WORD
        self.words += [None if word in BOUNDARIES else word for word in words]

    def __iter__(self) -> Iterator[list[str]]:
        for low in range(0, len(self.offsets) - 1, TITLES_AT_ONCE):
            bounds = self.offsets[low : low + TITLES_AT_ONCE + 1].tolist()
            ids = within(self.tokens[bounds[0] : bounds[-1]], len(self.words)).tolist()
            for begin, end in pairwise(bounds):
                title = [self.words[word] for word in ids[begin - bounds[0] : end - bounds[0]]]
                yield [word for word in title if word is not None]


class _Progress(CallbackAny2Vec):  # type: ignore[misc]
    """Reports the progress after each epoch."""

    def __init__(self, log: Log, epochs: int) -> None:
        self.log, self.epochs, self.epoch = log, epochs, 0

    def on_epoch_end(self, model: Any) -> None:
        self.epoch += 1
        self.log.progress(epoch=self.epoch, epochs=self.epochs)


def train_vectors(
    titles: Titles, words: list[str], vectors: NDArray[np.float32], settings: Embed, log: Log
) -> NDArray[np.bool_]:
    """Train the vectors of the words; returns which rows (2 + words,) were filled.

    With one worker and a fixed seed, the same titles give the same vectors.

    Raises:
        BadData: the vectors are not finite.
    """
    options = {
        "vector_size": settings.dimensions,
        "window": settings.window,
        "epochs": settings.epochs,
        "seed": settings.seed,
        "min_count": 1,  # the vocabulary has already been selected
        "workers": 1,
        "sg": 1,
    }
    log.info(f"training {settings.method} vectors: {len(words):,} words, {settings.dimensions} dimensions")
    if settings.method == "fasttext":
        model = FastText(bucket=SUBWORD_BUCKETS, max_n=MAX_CHAR_NGRAM, negative=NEGATIVE_SAMPLES, **options)
    else:
        model = Word2Vec(**options)
    model.build_vocab(titles)
    model.train(
        titles,
        total_examples=model.corpus_count,
        epochs=settings.epochs,
        callbacks=[_Progress(log, settings.epochs)],
    )
    has_vector = np.zeros(len(vectors), dtype=np.bool_)
    for row, word in enumerate(words, FIRST_WORD):
        if word in model.wv.key_to_index:
            vectors[row] = model.wv[word]
            has_vector[row] = True
    if not np.isfinite(vectors).all():
        raise BadData(f"the {settings.method} vectors are not finite: try fewer epochs (embed.epochs)")
    return has_vector
