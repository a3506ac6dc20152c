"""preprocess: from listings to arrays of integers, by an encoder that is learned on the training titles only.

In: `ingest` (listings.parquet). Out, for train and validation: tokens, offsets, labels, reliable, each
`<split>.<array>.npy`; vocabulary.txt (one word per line, from id 2), categories.json, encoder.json. With n-grams also
the files of `ngram_arrays`, and words outside the vocabulary have ids after it instead of UNKNOWN. There are no test
arrays: evaluate encodes raw titles with the encoder of each model.
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
from meli_tasks.wording import count

OUTPUTS = (
    *(f"{split}.{array}.npy" for split in SPLITS for array in ("tokens", "offsets", "labels", "reliable")),
    "vocabulary.txt",
    "categories.json",
    "encoder.json",
)

MAX_UNSEEN_LISTED = 10


def run(inputs: Inputs, out: Path, params: Preprocess, hooks: Hooks) -> PreprocessSummary:
    """Learn the encoder and write the arrays.

    Raises:
        BadData: a split has no titles, or the titles have no words.
    """
    listings = inputs["ingest"] / "listings.parquet"
    titles = count_titles(listings)
    categories, unseen = _categories(titles, hooks.log)
    sizes = {split: sum(titles[split][category] for category in categories) for split in SPLITS}
    read = read_titles(listings, categories, params.tokenizer)
    numbers = WordNumbers(params.tokenizer, params.max_title_words, params.boundaries)
    frequency, rows = params.word_frequency, sum(sizes.values())
    numbered = number_titles(out, read, numbers, word_frequency=frequency, rows=rows, log=hooks.log)
    vocabulary = _vocabulary(numbered, params, sizes["train"])
    # With n-grams every word has an id, because every word has n-grams.
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
        f"{numbered.empty_fraction['train']:.2%} of the training titles have no words; "
        f"{unknown['validation']:.2%} of the words in {sizes['validation']:,} validation titles are unknown"
    )
    return PreprocessSummary(
        titles=sizes,
        categories=len(categories),
        words=len(encoder.words),
        ngrams=len(encoder.ngrams),
        words_per_title=numbered.word_totals["train"] / sizes["train"],
        empty_fraction=numbered.empty_fraction,
        unknown_fraction=unknown,
        unseen_categories=UnseenCategories(
            titles=unseen.total(), categories=len(unseen), first=tuple(sorted(unseen)[:MAX_UNSEEN_LISTED])
        ),
    )


def _categories(titles: Mapping[str, Counter[str]], log: Log) -> tuple[list[str], Counter[str]]:
    """The categories of the training titles, and those that only validation titles have, which are excluded."""
    categories = sorted(titles["train"])
    if len(categories) < 2:
        raise BadData(f"the training titles have only the category {categories}: at least two are needed")
    known = set(categories)
    unseen = Counter({category: rows for category, rows in titles["validation"].items() if category not in known})
    if unseen:
        log.info(
            f"excluded {count(unseen.total(), 'validation title')} of {count(len(unseen), 'category')} without "
            f"training titles: {', '.join(sorted(unseen)[:MAX_UNSEEN_LISTED])}"
            f"{' ...' if len(unseen) > MAX_UNSEEN_LISTED else ''}"
        )
    if unseen.total() == titles["validation"].total():
        raise BadData(
            f"there are {titles['train'].total():,} training titles but no validation titles: the source is too small "
            "to split, or its `split` column marks no row as validation"
        )
    return categories, unseen


def _vocabulary(numbered: Numbered, settings: Preprocess, titles: int) -> NDArray[np.int64]:
    """The numbers of the vocabulary's words, by id.

    Raises:
        BadData: no word is frequent enough.
    """
    if not numbered.word_totals["train"]:
        raise BadData(
            f"tokenizer '{settings.tokenizer}' finds no word in any of the {titles:,} training titles: is the title "
            "column the right one?"
        )
    boundaries = BOUNDARIES if settings.boundaries else ()
    boundary_tokens = np.array([numbered.words.index(token) for token in boundaries], dtype=np.int64)
    frequencies = numbered.frequencies.copy()
    frequencies[boundary_tokens] = 0
    chosen = most_frequent(numbered.words, frequencies, settings.min_word_count, settings.max_words)
    if not len(chosen):
        how = "occurs" if settings.word_frequency == "occurrences" else "is in titles"
        raise BadData(
            f"no word {how} min_word_count = {settings.min_word_count:,} times in the {titles:,} training titles; "
            f"the most frequent one {how} {frequencies.max():,} times. Lower preprocess.min_word_count"
        )
    return np.concatenate((boundary_tokens, chosen))


def _write_tokens(
    out: Path, numbered: Numbered, vocabulary: NDArray[np.int64], others: NDArray[np.int64]
) -> dict[str, float]:
    """Write the tokens of both splits as ids: of the vocabulary, of the others, or UNKNOWN.

    Returns:
        The fraction of words outside the vocabulary, by split.
    """
    ids = np.full(len(numbered.words), UNKNOWN, dtype=np.int32)
    ids[vocabulary] = np.arange(len(vocabulary)) + FIRST_WORD
    ids[others] = np.arange(len(others)) + FIRST_WORD + len(vocabulary)
    outside = np.ones(len(ids), dtype=np.bool_)
    outside[vocabulary] = False
    return {split: renumber(out, split, ids, outside) / max(1, numbered.word_totals[split]) for split in SPLITS}


def _learn(out: Path, words: list[str], vocabulary: int, settings: Preprocess) -> Encoder:
    """The encoder of the training titles, whose tokens must have been written."""
    ngrams: list[str] = []
    weights = np.zeros(0, dtype=np.float32)
    if settings.max_ngrams:
        ngrams, weights = learn_ngrams(words, vocabulary, *read_tokens(out, "train"), settings)
        of_boundaries = {
            ngram for token in BOUNDARIES for ngram in ngrams_of_word(token, (1, 1), settings.character_ngrams)
        }
        if not set(ngrams).difference(of_boundaries):
            raise BadData(
                f"no n-gram occurs min_ngram_count = {settings.min_ngram_count:,} times in the training titles. Lower "
                "preprocess.min_ngram_count, or set preprocess.max_ngrams to 0"
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
    """Write the encoder, its long lists to separate files, and the categories in the order of their labels."""
    described = encoder.to_json()
    for name in ("words", "ngrams", "ngram_weights"):
        del described[name]
    _write_text(out / "encoder.json", json.dumps(described, indent=1))
    _write_text(out / "vocabulary.txt", "".join(f"{word}\n" for word in encoder.words))
    _write_text(out / "categories.json", json.dumps(list(categories), ensure_ascii=False, indent=0))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
