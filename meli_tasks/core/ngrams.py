"""Word and character n-grams of a title: what they are, and in how many titles each occurs.

A word n-gram is its words with spaces between ("funda iphone"). A character n-gram lies within one word whose ends are
marked, and starts with "#" so that the word "mes" and the letters "mes" inside "mesa" stay two things: "#<me", "#mes".
Tokenizers never leave "#", "<" or ">" in a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

TITLES_A_CHUNK = 16_384  # bounds the arrays below: about 200 n-grams a title, 8 bytes each, a few copies


def character_ngrams_of(word: str, lengths: tuple[int, int]) -> list[str]:
    """N-grams within one word, repeats kept. A word shorter than an n-gram gives itself, once."""
    marked = f"<{word}>"
    found: list[str] = []
    for length in range(lengths[0], lengths[1] + 1):
        found.extend(f"#{marked[start : start + length]}" for start in range(max(1, len(marked) - length + 1)))
        if length >= len(marked):
            break
    return found


def word_ngrams_of(words: Sequence[str], lengths: tuple[int, int]) -> list[str]:
    """N-grams of neighbouring words, repeats kept."""
    return [
        " ".join(words[start : start + length])
        for length in range(lengths[0], lengths[1] + 1)
        for start in range(len(words) - length + 1)
    ]


def ngrams_of(words: Sequence[str], word_range: tuple[int, int], character_range: tuple[int, int]) -> list[str]:
    """Every n-gram of one title, repeats kept: word n-grams first, then each word's character n-grams."""
    return word_ngrams_of(words, word_range) + [
        ngram for word in words for ngram in character_ngrams_of(word, character_range)
    ]


def frequent_ngrams(
    titles: Sequence[Sequence[str]],
    word_range: tuple[int, int],
    character_range: tuple[int, int],
    min_titles: int,
    most: int,
) -> tuple[list[str], NDArray[np.int64]]:
    """The `most` n-grams that occur in the most titles, ties in alphabetical order, and in how many titles each does.

    `titles` are lists of words. N-grams in fewer than `min_titles` titles are left out.
    """
    number: dict[str, int] = {}
    flat = np.fromiter((number.setdefault(word, len(number)) for words in titles for word in words), np.int64)
    lengths = np.fromiter(map(len, titles), np.int64, len(titles))
    rows = np.repeat(np.arange(len(titles)), lengths)
    distinct = list(number)
    names: list[str] = []
    counts: list[NDArray[np.int64]] = []
    for found_names, found_counts in (
        *_count_word_ngrams(distinct, flat, rows, word_range, min_titles),
        _count_character_ngrams(distinct, flat, rows, character_range),
    ):
        enough = np.flatnonzero(found_counts >= min_titles)
        names.extend(found_names[index] for index in enough)
        counts.append(found_counts[enough])
    return _most_frequent(names, np.concatenate(counts), most)


def _most_frequent(names: list[str], counts: NDArray[np.int64], most: int) -> tuple[list[str], NDArray[np.int64]]:
    candidates = np.arange(len(names))
    if len(names) > most:
        threshold = np.partition(counts, len(names) - most)[len(names) - most]
        candidates = np.flatnonzero(counts >= threshold)  # ties stay in, so that the alphabet decides below
    order = sorted(candidates.tolist(), key=lambda index: (-counts[index], names[index]))[:most]
    return [names[index] for index in order], counts[order]


def _titles_with(rows: NDArray[np.int64], ngrams: NDArray[np.int64], ngram_count: int) -> NDArray[np.int64]:
    """In how many rows each n-gram occurs, from parallel arrays of occurrences."""
    pairs = np.sort(rows * ngram_count + ngrams)  # numpy's unique hashes, which is five times slower here
    first = np.diff(pairs, prepend=-1) != 0
    return np.bincount(pairs[first] % ngram_count, minlength=ngram_count)


def _count_word_ngrams(
    distinct: list[str], flat: NDArray[np.int64], rows: NDArray[np.int64], lengths: tuple[int, int], min_titles: int
) -> Iterator[tuple[list[str], NDArray[np.int64]]]:
    """One length at a time: an n-gram is its first words' number and one more word, if those were frequent."""
    starts, current, kinds = np.arange(len(flat)), flat, len(distinct)
    for length in range(1, lengths[1] + 1):
        if length > 1:
            ends = starts + length - 1
            inside = ends < len(flat)
            starts, current, ends = starts[inside], current[inside], ends[inside]
            inside = rows[ends] == rows[starts]
            starts, ends = starts[inside], ends[inside]
            codes, first, current = np.unique(
                current[inside] * len(distinct) + flat[ends], return_index=True, return_inverse=True
            )
            kinds = len(codes)
        if not kinds:
            return
        counts = _titles_with(rows[starts], current, kinds)
        if length >= lengths[0]:
            enough = counts >= min_titles
            if length == 1:
                names = distinct
            else:
                names = [
                    " ".join(distinct[word] for word in flat[start : start + length]) if kept else ""
                    for start, kept in zip(starts[first].tolist(), enough.tolist(), strict=True)
                ]
            yield names, counts
        frequent = counts[current] >= min_titles
        starts, current = starts[frequent], current[frequent]


def _count_character_ngrams(
    distinct: list[str], flat: NDArray[np.int64], rows: NDArray[np.int64], lengths: tuple[int, int]
) -> tuple[list[str], NDArray[np.int64]]:
    number: dict[str, int] = {}
    by_word: list[int] = []
    sizes = np.zeros(len(distinct), dtype=np.int64)
    for index, word in enumerate(distinct):
        found = {number.setdefault(ngram, len(number)) for ngram in character_ngrams_of(word, lengths)}
        by_word.extend(found)
        sizes[index] = len(found)
    ngrams, offsets = np.array(by_word, dtype=np.int64), np.concatenate(([0], np.cumsum(sizes)))
    counts = np.zeros(len(number), dtype=np.int64)
    row_count = int(rows[-1]) + 1 if len(rows) else 0
    for low in range(0, row_count, TITLES_A_CHUNK):
        begin, end = np.searchsorted(rows, [low, low + TITLES_A_CHUNK])
        occurrences, words = gather(ngrams, offsets, flat[begin:end])
        counts += _titles_with(rows[begin:end][words] - low, occurrences, len(number))
    return list(number), counts


def gather(
    values: NDArray[np.int64], offsets: NDArray[np.int64], wanted: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The ragged rows `wanted` of (values, offsets) one after the other, and for each value its place in `wanted`."""
    sizes = offsets[wanted + 1] - offsets[wanted]
    places = np.repeat(np.arange(len(wanted)), sizes)
    ends = np.cumsum(sizes)
    within = np.arange(len(places)) - np.repeat(ends - sizes, sizes)
    return values[offsets[wanted][places] + within], places
