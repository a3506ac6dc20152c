"""Word n-grams: runs of two or more words of a title, as rows of word ids. Counts them and finds the known ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

TITLES_A_CHUNK = 262_144  # about two million words: bounds the arrays below to tens of megabytes


def count_word_ngrams(
    tokens: NDArray[np.int32], offsets: NDArray[np.int64], length: int, words: range, min_count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The runs of `length` words with at least `min_count` occurrences: word ids (n, length) and occurrences (n,).

    Title i owns tokens[offsets[i]:offsets[i + 1]]; only the ids in `words` form n-grams. Rows ascend. A prefix
    occurs at least as often as the run, so each length extends only the frequent runs of the length before.
    """
    width = words.stop
    found = np.arange(width)[:, None]
    counts = np.zeros(width, dtype=np.int64)
    known = WordNgramIndex(width, [])
    for reached in range(2, length + 1):
        total = _Tally()
        for low, high in _chunks(len(offsets) - 1):
            part = tokens[offsets[low] : offsets[high]].astype(np.int64)
            starts, nodes = known.walk(part, offsets[low : high + 1] - offsets[low], reached - 1, words)
            ends = starts + reached - 1
            total.add(nodes * width + part[ends])
        codes, counts = total.result()
        frequent = counts >= min_count
        codes, counts = codes[frequent], counts[frequent]
        nodes, last = np.divmod(codes, width)
        found = np.column_stack((found[nodes], last))
        known = WordNgramIndex(width, [*known.levels, (codes, np.full(len(codes), -1, dtype=np.int32))])
    return found, counts


class WordNgramIndex:
    """Finds known word n-grams in titles.

    A level holds the n-grams of one length, each coded as the position of its prefix in the level before and a word.
    """

    def __init__(self, width: int, levels: list[tuple[NDArray[np.int64], NDArray[np.int32]]]) -> None:
        """`width`: greater than every word id. `levels`, from length 2: ascending codes, and each n-gram's id or -1."""
        self.width = width
        self.levels = levels

    @classmethod
    def of(cls, ngrams: Sequence[Sequence[int]], numbers: Sequence[int]) -> WordNgramIndex:
        """From rows of word ids and the id of each n-gram."""
        sizes = np.fromiter(map(len, ngrams), np.int64, len(ngrams))
        longest = int(sizes.max(initial=1))
        rows = np.full((len(ngrams), longest), -1, dtype=np.int64)
        rows[np.arange(longest) < sizes[:, None]] = np.fromiter(chain.from_iterable(ngrams), np.int64, int(sizes.sum()))
        width, number = int(rows.max(initial=-1)) + 1, np.asarray(numbers, dtype=np.int32)
        places, levels = rows[:, 0], []
        for length in range(2, longest + 1):
            reaching = sizes >= length
            codes, at = np.unique(places[reaching] * width + rows[reaching, length - 1], return_inverse=True)
            places = np.zeros(len(rows), dtype=np.int64)
            places[reaching] = at
            named, ending = np.full(len(codes), -1, dtype=np.int32), sizes == length
            named[places[ending]] = number[ending]
            levels.append((codes, named))
        return cls(width, levels)

    def find(
        self, tokens: NDArray[np.int32], offsets: NDArray[np.int64]
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The ids of each title's known word n-grams, with repeats, as ragged rows: (values, offsets (titles + 1,))."""
        title = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        wide = tokens.astype(np.int64)
        titles, numbers = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int32)]
        starts = np.flatnonzero(wide < self.width)
        nodes = wide[starts]
        for level in range(len(self.levels)):
            starts, nodes = self._step(level, wide, title, starts, nodes)
            number = self.levels[level][1][nodes]
            named = number >= 0
            titles.append(title[starts[named]])
            numbers.append(number[named])
        owner = np.concatenate(titles)
        order = np.argsort(owner, kind="stable")
        sizes = np.bincount(owner, minlength=len(offsets) - 1)
        return np.concatenate(numbers)[order], np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(sizes)))

    def walk(
        self, tokens: NDArray[np.int64], offsets: NDArray[np.int64], length: int, words: range
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Starts of the known runs of `length` words that another word follows, and their positions in their level."""
        title = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        word = (tokens >= words.start) & (tokens < words.stop)
        starts = np.flatnonzero(word)
        nodes = tokens[starts]
        for level in range(length - 1):
            starts, nodes = self._step(level, tokens, title, starts, nodes)
        ends = starts + length
        inside = ends < len(tokens)
        starts, nodes, ends = starts[inside], nodes[inside], ends[inside]
        followed = (title[ends] == title[starts]) & word[ends]
        return starts[followed], nodes[followed]

    def _step(
        self, level: int, tokens: NDArray[np.int64], title: NDArray[np.int64], starts: NDArray[np.int64],
        nodes: NDArray[np.int64],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:  # fmt: skip
        """Extend the runs by one word: the starts whose run is known at this level, and its position there."""
        codes = self.levels[level][0]
        if not len(codes):
            return starts[:0], nodes[:0]
        ends = starts + level + 1
        inside = ends < len(tokens)
        starts, nodes, ends = starts[inside], nodes[inside], ends[inside]
        inside = (title[ends] == title[starts]) & (tokens[ends] < self.width)
        starts, nodes, ends = starts[inside], nodes[inside], ends[inside]
        wanted = nodes * self.width + tokens[ends]
        place = np.searchsorted(codes, wanted)
        place[place == len(codes)] = 0
        known = codes[place] == wanted
        return starts[known], place[known]


class _Tally:
    """Counts codes, with memory for the distinct codes (and as many pending ones)."""

    def __init__(self) -> None:
        self._codes, self._counts = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        self._pending: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        self._pending_codes = 0

    def add(self, codes: NDArray[np.int64]) -> None:
        distinct, counts = _counted(codes, np.ones(len(codes), dtype=np.int64))
        self._pending.append((distinct, counts))
        self._pending_codes += len(distinct)
        if self._pending_codes > len(self._codes):
            self._merge()

    def result(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        self._merge()
        return self._codes, self._counts

    def _merge(self) -> None:
        parts = [(self._codes, self._counts), *self._pending]
        self._codes, self._counts = _counted(
            np.concatenate([codes for codes, _ in parts]), np.concatenate([counts for _, counts in parts])
        )
        self._pending, self._pending_codes = [], 0


def _counted(codes: NDArray[np.int64], counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each distinct code, ascending, and the sum of its counts."""
    if not len(codes):
        return codes, counts
    order = np.argsort(codes, kind="stable")
    codes = codes[order]
    first = np.flatnonzero(np.diff(codes, prepend=codes[0] - 1))
    return codes[first], np.add.reduceat(counts[order], first)


def _chunks(titles: int) -> Iterator[tuple[int, int]]:
    for low in range(0, titles, TITLES_A_CHUNK):
        yield low, min(low + TITLES_A_CHUNK, titles)
