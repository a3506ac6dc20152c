"""preprocess: listings to arrays of integers, with an encoder learned on the training titles only.

In: `ingest` (listings.parquet). Out, for train and validation: tokens, offsets, labels, reliable, each
`<split>.<array>.npy`; vocabulary.txt (a word a line, from id 2), categories.json, encoder.json; with n-grams also the
files of `ngram_arrays`, and tokens outside the vocabulary then have ids behind it instead of UNKNOWN. No test arrays:
evaluate encodes raw titles with the model's own encoder.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.errors import BadData
from meli_tasks.core.hyperparameters import Preprocess
from meli_tasks.core.text.boundaries import BOUNDARIES
from meli_tasks.core.text.encoder import FIRST_WORD, UNKNOWN, Encoder, learn_ngrams
from meli_tasks.core.text.ngrams import ngrams_of_word
from meli_tasks.stages.encoding.ngram_arrays import read_tokens, write_ngrams
from meli_tasks.stages.encoding.title_arrays import SPLITS, Numbered, count_titles, number_titles, read_titles, renumber
from meli_tasks.stages.encoding.word_numbers import WordNumbers, most_frequent
from meli_tasks.stages.hooks import Hooks, Inputs, Log
from meli_tasks.stages.summaries import PreprocessSummary, UnseenCategories

OUTPUTS = (
    *(f"{split}.{array}.npy" for split in SPLITS for array in ("tokens", "offsets", "labels", "reliable")),
    "vocabulary.txt",
    "categories.json",
    "encoder.json",
)

UNSEEN_SHOWN = 10


def run(inputs: Inputs, out: Path, params: Preprocess, hooks: Hooks) -> PreprocessSummary:
    """Learns the encoder and writes the arrays. BadData when a split has no titles, or the titles no words."""
    listings = inputs["ingest"] / "listings.parquet"
    titles = count_titles(listings)
    categories, unseen = _categories(titles, hooks.log)
    sizes = {split: sum(titles[split][category] for category in categories) for split in SPLITS}
    read = read_titles(listings, categories, params.tokenizer)
    numbers = WordNumbers(params.tokenizer, params.max_title_words, params.boundaries)
    numbered = number_titles(out, read, numbers, sum(sizes.values()), hooks.log)
    vocabulary = _vocabulary(numbered, params, sizes["train"])
    # With n-grams every word has an id, for every word has n-grams.
    others = np.setdiff1d(np.arange(len(numbered.words)), vocabulary) if params.max_ngrams else vocabulary[:0]
    unknown = _write_tokens(out, numbered, vocabulary, others)
    words = [numbered.words[number] for number in np.concatenate((vocabulary, others)).tolist()]
    encoder = _learn(out, words, len(vocabulary), params)
    hooks.log.info(
        f"{sizes['train']:,} training titles: {len(encoder.words):,} words, {len(encoder.ngrams):,} n-grams, "
        f"{len(categories):,} categories"
    )
    write_encoder(out, encoder, categories)
    if encoder.ngrams:
        write_ngrams(out, encoder, words, SPLITS)
    hooks.log.info(
        f"{numbered.empty_share['train']:.2%} of the training titles have no word left; "
        f"{unknown['validation']:.2%} of the words in {sizes['validation']:,} validation ones are unknown"
    )
    return PreprocessSummary(
        titles=sizes,
        categories=len(categories),
        words=len(encoder.words),
        ngrams=len(encoder.ngrams),
        words_per_title=numbered.word_totals["train"] / sizes["train"],
        empty_share=numbered.empty_share,
        unknown_share=unknown,
        unseen_categories=UnseenCategories(
            titles=unseen.total(), categories=len(unseen), first=tuple(sorted(unseen)[:UNSEEN_SHOWN])
        ),
    )


def _categories(titles: Mapping[str, Counter[str]], log: Log) -> tuple[list[str], Counter[str]]:
    """The training titles' categories, and those that only validation has, with how many titles; they are left out."""
    categories = sorted(titles["train"])
    if len(categories) < 2:
        raise BadData(f"the training titles have only the category {categories}: there is nothing to tell apart")
    known = set(categories)
    unseen = Counter({category: rows for category, rows in titles["validation"].items() if category not in known})
    if unseen:
        log.info(
            f"{unseen.total():,} validation titles of {len(unseen):,} categories that no training title has are left "
            f"out: {', '.join(sorted(unseen)[:UNSEEN_SHOWN])}{' ...' if len(unseen) > UNSEEN_SHOWN else ''}"
        )
    if unseen.total() == titles["validation"].total():
        raise BadData(
            f"no validation titles beside {titles['train'].total():,} training titles: the source is too small to be "
            "split, or its `split` column has no row marked validation"
        )
    return categories, unseen


def _vocabulary(numbered: Numbered, settings: Preprocess, titles: int) -> NDArray[np.int64]:
    """The numbers of the vocabulary's words, by id; BadData when there would be none."""
    if not numbered.word_totals["train"]:
        raise BadData(
            f"none of the {titles:,} training titles has a word left after tokenizer '{settings.tokenizer}': "
            "is the title column the right one?"
        )
    marks = np.array([numbered.words.index(mark) for mark in BOUNDARIES if settings.boundaries], dtype=np.int64)
    counts = numbered.counts.copy()
    counts[marks] = 0
    chosen = most_frequent(numbered.words, counts, settings.min_word_count, settings.max_words)
    if not len(chosen):
        raise BadData(
            f"no word occurs min_word_count = {settings.min_word_count:,} times in the {titles:,} training titles; "
            f"the most frequent one does {counts.max():,} times: lower it"
        )
    return np.concatenate((marks, chosen))


def _write_tokens(
    out: Path, numbered: Numbered, vocabulary: NDArray[np.int64], others: NDArray[np.int64]
) -> dict[str, float]:
    """The tokens of both splits as ids: the vocabulary's, the others'; UNKNOWN for the rest. The share outside the
    vocabulary, by split.
    """
    ids = np.full(len(numbered.words), UNKNOWN, dtype=np.int32)
    ids[vocabulary] = np.arange(len(vocabulary)) + FIRST_WORD
    ids[others] = np.arange(len(others)) + FIRST_WORD + len(vocabulary)
    outside = np.ones(len(ids), dtype=np.bool_)
    outside[vocabulary] = False
    return {split: renumber(out, split, ids, outside) / max(1, numbered.word_totals[split]) for split in SPLITS}


def _learn(out: Path, words: list[str], vocabulary: int, settings: Preprocess) -> Encoder:
    """The encoder of the training titles, whose tokens are written."""
    ngrams: list[str] = []
    weights = np.zeros(0, dtype=np.float32)
    if settings.max_ngrams:
        ngrams, weights = learn_ngrams(words, vocabulary, *read_tokens(out, "train"), settings)
        of_marks = {ngram for mark in BOUNDARIES for ngram in ngrams_of_word(mark, (1, 1), settings.character_ngrams)}
        if not set(ngrams).difference(of_marks):
            raise BadData(
                f"no n-gram occurs min_ngram_count = {settings.min_ngram_count:,} times in the training titles: lower "
                "it, or set max_ngrams to 0"
            )
    return Encoder(
        tokenizer=settings.tokenizer,
        words=words[:vocabulary],
        ngrams=ngrams,
        ngram_weights=weights,
        word_ngrams=settings.word_ngrams,
        character_ngrams=settings.character_ngrams,
        max_title_words=settings.max_title_words,
        boundaries=settings.boundaries,
    )


def write_encoder(out: Path, encoder: Encoder, categories: Sequence[str]) -> None:
    """The encoder, its long lists apart in files of their own, and the categories in the order of their labels."""
    described = encoder.to_json()
    for lists in ("words", "ngrams", "ngram_weights"):
        del described[lists]
    _write_text(out / "encoder.json", json.dumps(described, indent=1))
    _write_text(out / "vocabulary.txt", "".join(f"{word}\n" for word in encoder.words))
    _write_text(out / "categories.json", json.dumps(list(categories), ensure_ascii=False, indent=0))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
