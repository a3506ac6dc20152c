"""embed: a vector for each word of the vocabulary, trained on the training titles or read from a file.

In: `preprocess` (vocabulary, training tokens) and, for method pretrained, `vectors` (a word2vec-format file). Out:
vectors.npy, float32 (2 + words, dimensions): row 0 pads and is zeros, row 1 is the unknown word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from gensim.models import FastText, Word2Vec
from gensim.models.callbacks import CallbackAny2Vec
from numpy.typing import NDArray

from meli_tasks.core.errors import BadData, MissingArtifact
from meli_tasks.core.hyperparameters import Embed, Section
from meli_tasks.core.text import FIRST_WORD
from meli_tasks.core.word_vectors import blank_vectors, coverage_of
from meli_tasks.stages.log import Log
from meli_tasks.stages.vector_file import read_header, read_vectors

OUTPUTS = ("vectors.npy",)

UNCOVERED_SHOWN = 20
SUBWORD_BUCKETS = 100_000  # rows of FastText's hashed character n-grams; its default, 2 M of 100 numbers, takes 800 MB
TITLES_AT_ONCE = 10_000

WHERE_FROM = (
    "The lab's vectors are SBW-vectors-300-min5 (Spanish Billion Words Corpus and Embeddings, Cristian Cardellino, "
    "https://crscardellino.github.io/SBWCE/, 1 M words, 300 dimensions). Download SBW-vectors-300-min5.txt.gz or "
    ".bin.gz and set embed.path to it (a path or s3://), or train vectors from the titles: embed.method=word2vec"
)


def run(inputs: Mapping[str, Path], out: Path, params: Section | Mapping[str, Any], log: Log) -> dict[str, Any]:
    """Writes the vectors. BadData for a file that does not fit or too little coverage, MissingArtifact for none."""
    settings = params if isinstance(params, Embed) else Embed.model_validate(dict(params))
    folder = inputs["preprocess"]
    words = read_vocabulary(folder)
    tokens, offsets = (np.load(folder / f"train.{name}.npy", mmap_mode="r") for name in ("tokens", "offsets"))
    vectors = blank_vectors(len(words), settings.dimensions, settings.unknown, settings.seed)
    if settings.method == "pretrained":
        path = vector_file(inputs, settings)
        has_vector = _read(path, words, vectors, settings, log)
    else:
        has_vector = _train(Titles(tokens, offsets, words), words, vectors, settings, log)
    coverage = coverage_of(tokens, words, has_vector, UNCOVERED_SHOWN)
    uncovered = ", ".join(f"{word} ({count:,})" for word, count in coverage.uncovered)
    log.info(
        f"{coverage.words:.1%} of the running words and {coverage.vocabulary:.1%} of the vocabulary have a vector"
        + (f"; the most frequent without: {uncovered}" if uncovered else "")
    )
    if coverage.words < settings.min_coverage:
        raise BadData(
            f"only {coverage.words:.1%} of the training titles' words have a vector, embed.min_coverage asks for "
            f"{settings.min_coverage:.1%}. The most frequent without: {uncovered}. Lower-case words with accents match "
            "the lab's file best (preprocess.tokenizer=lab)."
        )
    np.save(out / "vectors.npy", vectors)
    return {
        "method": settings.method,
        "words": len(words),
        "dimensions": settings.dimensions,
        "coverage": {"words": coverage.words, "vocabulary": coverage.vocabulary},
        "uncovered": dict(coverage.uncovered),
    }


def read_vocabulary(folder: Path) -> list[str]:
    """The words that preprocess numbered, from id 2."""
    path = folder / "vocabulary.txt"
    if not path.exists():
        raise MissingArtifact(f"{path} is missing: has preprocess run?")
    return path.read_text(encoding="utf-8").split("\n")[:-1]


class Titles:
    """The training titles as lists of known words, as often as gensim asks for them, some thousands in memory."""

    def __init__(self, tokens: NDArray[np.int32], offsets: NDArray[np.int64], words: list[str]) -> None:
        self.tokens, self.offsets = tokens, offsets
        self.words: list[str | None] = [None] * FIRST_WORD + list(words)

    def __iter__(self) -> Iterator[list[str]]:
        for low in range(0, len(self.offsets) - 1, TITLES_AT_ONCE):
            bounds = self.offsets[low : low + TITLES_AT_ONCE + 1].tolist()
            ids = self.tokens[bounds[0] : bounds[-1]].tolist()
            for begin, end in pairwise(bounds):
                title = [self.words[word] for word in ids[begin - bounds[0] : end - bounds[0]]]
                yield [word for word in title if word is not None]


class _Progress(CallbackAny2Vec):  # type: ignore[misc]
    """Tells the log after each epoch."""

    def __init__(self, log: Log, epochs: int) -> None:
        self.log, self.epochs, self.epoch = log, epochs, 0

    def on_epoch_end(self, model: Any) -> None:
        self.epoch += 1
        self.log.progress(epoch=self.epoch, epochs=self.epochs)


def _train(
    titles: Titles, words: list[str], vectors: NDArray[np.float32], settings: Embed, log: Log
) -> NDArray[np.bool_]:
    """Fills the words' rows by gensim. One worker and a fixed seed: the same titles give the same vectors."""
    options = {
        "vector_size": settings.dimensions,
        "window": settings.window,
        "epochs": settings.epochs,
        "seed": settings.seed,
        "min_count": 1,  # the vocabulary is chosen already
        "workers": 1,
        "sg": 1,
    }
    log.info(f"training {settings.method} vectors: {len(words):,} words, {settings.dimensions} dimensions")
    model = FastText(bucket=SUBWORD_BUCKETS, **options) if settings.method == "fasttext" else Word2Vec(**options)
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
        raise BadData(f"the {settings.method} vectors stopped being finite: fewer epochs may help")
    return has_vector


def vector_file(inputs: Mapping[str, Path], settings: Embed) -> Path:
    """The pretrained file: given itself, or as the only file of a folder. MissingArtifact says where to get one."""
    given = inputs.get("vectors", Path(settings.path))
    files = sorted(entry for entry in given.iterdir() if entry.is_file()) if given.is_dir() else [given]
    if len(files) != 1 or not files[0].is_file():
        raise MissingArtifact(f"no file of word vectors at {given} (embed.path is '{settings.path}'). {WHERE_FROM}.")
    return files[0]


def _read(path: Path, words: list[str], vectors: NDArray[np.float32], settings: Embed, log: Log) -> NDArray[np.bool_]:
    header = read_header(path)
    if header.dimensions != settings.dimensions:
        raise BadData(
            f"{path} holds vectors of {header.dimensions} dimensions, embed.dimensions says {settings.dimensions}: "
            f"set embed.dimensions={header.dimensions}"
        )
    log.info(f"reading {header.words:,} vectors ({'text' if header.text else 'binary'}) from {path.name}")
    wanted = {word: row for row, word in enumerate(words, FIRST_WORD)}
    return read_vectors(path, wanted, vectors, lambda seen, of: log.progress(step=seen, steps=of))
