"""embed: a vector for each word of the vocabulary, trained on the training titles or read from a file.

In: `preprocess` (vocabulary, training tokens) and, for method pretrained, `vectors` (an entry of the vector cache: a
word2vec file as an array, of which the rows of the vocabulary are read). Out: vectors.npy, float32 (2 + words,
dimensions): row 0 is padding (zeros), row 1 the unknown word.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.core.hyperparameters import Embed
from meli_tasks.core.text.coverage import blank_vectors, coverage_of
from meli_tasks.core.text.encoder import FIRST_WORD
from meli_tasks.stages.hooks import Hooks, Inputs, Log
from meli_tasks.stages.summaries import Coverage, EmbedSummary
from meli_tasks.stages.vectors.entry import has_similar_word, read_entry, take_vectors

OUTPUTS = ("vectors.npy",)

MAX_UNCOVERED_LISTED = 20


def run(inputs: Inputs, out: Path, params: Embed, hooks: Hooks) -> EmbedSummary:
    """Write the vectors.

    Raises:
        BadData: the file does not fit the parameters, or covers too few words.
        NotFound: the vector cache has no entry for the file.
    """
    folder = inputs["preprocess"]
    words = read_vocabulary(folder)
    tokens, offsets = (np.load(folder / f"train.{name}.npy", mmap_mode="r") for name in ("tokens", "offsets"))
    vectors = blank_vectors(len(words), params.dimensions, params.unknown, params.seed)
    if params.method == "pretrained":
        has_vector = _take(inputs.get("vectors"), words, vectors, params, hooks.log)
    else:
        from meli_tasks.stages.vectors.gensim_vectors import Titles, train_vectors  # gensim takes seconds to import

        has_vector = train_vectors(Titles(tokens, offsets, words), words, vectors, params, hooks.log)
    coverage = coverage_of(tokens, words, has_vector, MAX_UNCOVERED_LISTED)
    uncovered = ", ".join(f"{word} ({count:,})" for word, count in coverage.uncovered)
    hooks.log.info(
        f"{coverage.words:.1%} of the corpus tokens and {coverage.vocabulary:.1%} of the vocabulary have a vector"
        + (f"; the most frequent words without one: {uncovered}" if uncovered else "")
    )
    if coverage.words < params.min_coverage:
        raise BadData(
            f"only {coverage.words:.1%} of the training titles' words have a vector, but embed.min_coverage is "
            f"{params.min_coverage:.1%}. The most frequent words without one: {uncovered}. Lower-case words with "
            "accents match the lab's file best (preprocess.tokenizer=lab)."
        )
    np.save(out / "vectors.npy", vectors)
    summary = EmbedSummary(
        method=params.method,
        words=len(words),
        dimensions=params.dimensions,
        coverage=Coverage(words=coverage.words, vocabulary=coverage.vocabulary),
        uncovered=dict(coverage.uncovered),
    )
    if summary.is_poorly_covered:
        alike = has_similar_word(inputs["vectors"], words)
        similar = coverage_of(tokens, words, np.concatenate((has_vector[:FIRST_WORD], alike)), 0)
        summary = summary.model_copy(update={"spelled_otherwise": similar.words})
    for note in summary.notes():
        hooks.log.info(f"Note: {note}")
    return summary


def read_vocabulary(folder: Path) -> list[str]:
    """Read the words of the vocabulary, from id 2."""
    path = folder / "vocabulary.txt"
    if not path.exists():
        raise NotFound(f"{path} does not exist: has preprocess run?")
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def _take(
    folder: Path | None, words: list[str], vectors: NDArray[np.float32], settings: Embed, log: Log
) -> NDArray[np.bool_]:
    """Fill the rows of the words that the entry of the vector cache contains."""
    entry = read_entry(folder) if folder else None
    if folder is None or entry is None:
        raise NotFound(f"the vector cache has no entry for {settings.path} at {folder}")
    if entry.dimensions != settings.dimensions:
        raise BadData(
            f"{settings.path} holds vectors of {entry.dimensions} dimensions, but embed.dimensions is "
            f"{settings.dimensions}: set embed.dimensions={entry.dimensions}"
        )
    log.info(f"reading the {len(words):,} words of the vocabulary from the {entry.words:,} of {settings.path}")
    has_vector = np.zeros(len(vectors), dtype=np.bool_)
    has_vector[FIRST_WORD:] = take_vectors(folder, words, vectors[FIRST_WORD:])
    return has_vector
