"""Word and character n-grams: what they are, which of them are frequent, and which belong to a word.

A word n-gram is written as its words with spaces between them ("funda iphone"). A character n-gram (subword) lies
within one word, whose ends are marked by "<" and ">", and starts with "#", so that the word "mes" and the letters "mes"
inside "mesa" stay distinct: "#<me", "#mes". Tokenizers never leave "#", "<" or ">" in a word, and boundary tokens
(`boundaries`) contain no letter that occurs in words, so they share no n-gram with a word.

Everything within one word is stored by word, not by title: titles repeat their words, so 20 million titles need the
n-grams of only a few hundred thousand words. N-grams of two or more words are in `word_ngrams`.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.text.word_ngrams import count_word_ngrams

FIRST_WORD = 2
"""The id of the first word; 0 is padding and 1 is unknown."""

TOKENS_A_CHUNK = 1 << 20
WORDS_A_CHUNK = 100_000  # about twenty n-grams each, as Python integers: bounds them to tens of megabytes


def character_ngrams_of(word: str, lengths: tuple[int, int]) -> list[str]:
    """The character n-grams of a word, with repeats. A word shorter than an n-gram yields itself, a single time."""
    marked = f"<{word}>"
    found: list[str] = []
    for length in range(lengths[0], lengths[1] + 1):
        found.extend(f"#{marked[start : start + length]}" for start in range(max(1, len(marked) - length + 1)))
        if length >= len(marked):
            break
    return found


def covered_by(word: str, known: Container[str], lengths: tuple[int, int], least: int) -> float:
    """The fraction of a word's letters that lie in known character n-grams of at least `least` characters."""
    marked = f"<{word}>"
    covered = [False] * len(marked)
    for length in range(least, lengths[1] + 1):
        for start in range(len(marked) - length + 1):
            if f"#{marked[start : start + length]}" in known:
                covered[start : start + length] = [True] * length
    return sum(covered[1:-1]) / len(word) if word else 0.0


def ngrams_of_word(word: str, word_range: tuple[int, int], character_range: tuple[int, int]) -> list[str]:
    """Every n-gram within one word, with repeats: its character n-grams, and the word itself if unigrams count."""
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
    """The ids of each word's known n-grams, with repeats, as ragged rows: (values, offsets (words + 1,))."""
    values, sizes = [np.zeros(0, dtype=np.int32)], [np.zeros(1, dtype=np.int64)]
    for low in range(0, len(words), WORDS_A_CHUNK):
        rows = [
            [numbers[name] for name in ngrams_of_word(word, word_range, character_range) if name in numbers]
            for word in words[low : low + WORDS_A_CHUNK]
        ]
        sizes.append(np.fromiter(map(len, rows), np.int64, len(rows)))
        values.append(np.fromiter(chain.from_iterable(rows), np.int32, int(sizes[-1].sum())))
    return np.concatenate(values), np.cumsum(np.concatenate(sizes))


def frequent_ngrams(  # noqa: PLR0917 - the titles and the limits
    words: Sequence[str],
    vocabulary: int,
    tokens: NDArray[np.int32],
    offsets: NDArray[np.int64],
    word_range: tuple[int, int],
    character_range: tuple[int, int],
    min_count: int,
    max_ngrams: int,
) -> tuple[list[str], NDArray[np.int64]]:
    """The `max_ngrams` most frequent n-grams of the titles, ties in alphabetical order, and their occurrences.

    `words` are those of ids 2, 3, ..., of which the first `vocabulary` form word n-grams; `tokens` and `offsets` are
    the titles (memory-mapped arrays too). N-grams with fewer than `min_count` occurrences are excluded.
    """
    counted = np.zeros(FIRST_WORD + len(words), dtype=np.int64)
    for low in range(0, len(tokens), TOKENS_A_CHUNK):  # bincount converts its input to eight bytes per token
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
    return _most_frequent(names, np.concatenate(counts), max_ngrams)


def _most_frequent(names: list[str], counts: NDArray[np.int64], limit: int) -> tuple[list[str], NDArray[np.int64]]:
    candidates = np.arange(len(names))
    if len(names) > limit:
        threshold = np.partition(counts, len(names) - limit)[len(names) - limit]
        candidates = np.flatnonzero(counts >= threshold)  # including ties, which the alphabetical order resolves below
    order = sorted(candidates.tolist(), key=lambda index: (-counts[index], names[index]))[:limit]
    return [names[index] for index in order], counts[order]
