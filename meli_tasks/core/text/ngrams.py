"""Word and character n-grams: what they are, which of them are frequent, and which belong to a word.

A word n-gram is its words with spaces between ("funda iphone"). A character n-gram lies within one word whose ends are
marked, and starts with "#" so that the word "mes" and the letters "mes" inside "mesa" stay two things: "#<me", "#mes".
Tokenizers never leave "#", "<" or ">" in a word; the marks of a
title's ends (`boundaries`) hold no letter that a word has, so they share no n-gram with one.

Everything that lies within one word is kept by word, not by title: titles repeat their words, so 20 M titles need the
n-grams of some hundred thousand words only. N-grams of two or more words are in `word_ngrams`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.text.word_ngrams import count_word_ngrams

FIRST_WORD = 2
"""The first word's id; 0 pads and 1 is unknown (`core.text`)."""

TOKENS_A_CHUNK = 1 << 20
WORDS_A_CHUNK = 100_000  # some twenty n-grams each, as Python's numbers: bounds them to some tens of megabytes


def character_ngrams_of(word: str, lengths: tuple[int, int]) -> list[str]:
    """N-grams within one word, repeats kept. A word shorter than an n-gram gives itself, once."""
    marked = f"<{word}>"
    found: list[str] = []
    for length in range(lengths[0], lengths[1] + 1):
        found.extend(f"#{marked[start : start + length]}" for start in range(max(1, len(marked) - length + 1)))
        if length >= len(marked):
            break
    return found


def ngrams_of_word(word: str, word_range: tuple[int, int], character_range: tuple[int, int]) -> list[str]:
    """Every n-gram within one word, repeats kept: its character n-grams, and itself where single words count."""
    found = character_ngrams_of(word, character_range)
    if word_range[0] == 1:
        found.append(word)
    return found


def char_ngrams_by_word(
    words: Sequence[str],
    numbers: Mapping[str, int],
    word_range: tuple[int, int],
    character_range: tuple[int, int],
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The numbers of each word's known n-grams, repeats kept, as ragged rows: (values, offsets (words + 1,))."""
    values, sizes = [np.zeros(0, dtype=np.int32)], [np.zeros(1, dtype=np.int64)]
    for low in range(0, len(words), WORDS_A_CHUNK):
        rows = [
            [numbers[name] for name in ngrams_of_word(word, word_range, character_range) if name in numbers]
            for word in words[low : low + WORDS_A_CHUNK]
        ]
        sizes.append(np.fromiter(map(len, rows), np.int64, len(rows)))
        values.append(np.fromiter(chain.from_iterable(rows), np.int32, int(sizes[-1].sum())))
    return np.concatenate(values), np.cumsum(np.concatenate(sizes))


def frequent_ngrams(  # noqa: PLR0917 - the titles and what is asked of them
    words: Sequence[str],
    vocabulary: int,
    tokens: NDArray[np.int32],
    offsets: NDArray[np.int64],
    word_range: tuple[int, int],
    character_range: tuple[int, int],
    min_count: int,
    most: int,
) -> tuple[list[str], NDArray[np.int64]]:
    """The `most` n-grams that occur most often in the titles, ties in alphabetical order, and how often each does.

    `words` are those of ids 2, 3, ..., of which the first `vocabulary` form word n-grams; `tokens` and `offsets` are
    the titles (memory-mapped arrays too). N-grams that occur fewer than `min_count` times are left out.
    """
    counted = np.zeros(FIRST_WORD + len(words), dtype=np.int64)
    for low in range(0, len(tokens), TOKENS_A_CHUNK):  # bincount makes its input eight bytes a token
        counted += np.bincount(tokens[low : low + TOKENS_A_CHUNK], minlength=len(counted))
    counted = counted[FIRST_WORD:]
    number: dict[str, int] = {}
    within = np.zeros(0, dtype=np.int64)
    for low in range(0, len(words), WORDS_A_CHUNK):
        occurring = np.flatnonzero(counted[low : low + WORDS_A_CHUNK]) + low
        rows = [
            [number.setdefault(name, len(number)) for name in ngrams_of_word(words[word], word_range, character_range)]
            for word in occurring.tolist()
        ]
        sizes = np.fromiter(map(len, rows), np.int64, len(rows))
        values = np.fromiter(chain.from_iterable(rows), np.int64, int(sizes.sum()))
        # float64 counts exactly up to 2**53
        more = np.bincount(values, weights=np.repeat(counted[occurring], sizes), minlength=len(number))
        more[: len(within)] += within
        within = more.astype(np.int64)
    enough = np.flatnonzero(within >= min_count)
    distinct = list(number)
    names = [distinct[index] for index in enough.tolist()]
    counts = [within[enough]]
    vocabulary_ids = range(FIRST_WORD, FIRST_WORD + vocabulary)
    for length in range(max(2, word_range[0]), word_range[1] + 1):
        word_ngrams, occurrences = count_word_ngrams(tokens, offsets, length, vocabulary_ids, min_count)
        names += [" ".join(words[word - FIRST_WORD] for word in ngram) for ngram in word_ngrams.tolist()]
        counts.append(occurrences)
    return _most_frequent(names, np.concatenate(counts), most)


def _most_frequent(names: list[str], counts: NDArray[np.int64], most: int) -> tuple[list[str], NDArray[np.int64]]:
    candidates = np.arange(len(names))
    if len(names) > most:
        threshold = np.partition(counts, len(names) - most)[len(names) - most]
        candidates = np.flatnonzero(counts >= threshold)  # ties stay in, so that the alphabet decides below
    order = sorted(candidates.tolist(), key=lambda index: (-counts[index], names[index]))[:most]
    return [names[index] for index in order], counts[order]
