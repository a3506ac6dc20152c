"""Titles to numbers of words, a batch at a time: cut by Arrow, then one look-up for each distinct piece of a batch.

Titles repeat their pieces ("funda", "iPhone", "11"): the 320,000 pieces of fifty thousand titles are 25,000 distinct.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from meli_tasks.core.text.boundaries import BEGIN, BOUNDARIES, END, with_boundary_ids
from meli_tasks.core.text.tokenizers import Tokenizer, tokenizer_of
from meli_tasks.stages.files.arrow_columns import texts

Number = TypeVar("Number", np.int32, np.int64)

REMEMBERED_PIECES = 1_000_000  # a long stream of new pieces must not grow without end


@dataclass(frozen=True)
class Pieces:
    """Titles cut at spaces. Title i owns which[offsets[i]:offsets[i + 1]], positions in `distinct`."""

    distinct: list[str]
    which: NDArray[np.int32]
    offsets: NDArray[np.int32]


def pieces_of(titles: pa.StringArray, tokenizer: str) -> Pieces:
    """Cuts titles without nulls. Works outside the interpreter's lock for nearly all of its time."""
    rules = tokenizer_of(tokenizer)
    lists = pc.split_pattern(_prepared(titles, rules), " ")
    encoded = lists.flatten().dictionary_encode()
    which = np.frombuffer(encoded.indices.buffers()[1] or b"", np.int32)[: len(encoded)]
    offsets = np.frombuffer(lists.buffers()[1] or bytes(4), np.int32)[: len(lists) + 1]
    return Pieces(encoded.dictionary.to_pylist(), which, offsets)


def _prepared(titles: pa.StringArray, rules: Tokenizer) -> pa.StringArray:
    """With the few titles rewritten that may not be cut as they are."""
    letters = titles.buffers()[2]
    # All of them at once first: ten times as fast, and most batches hold none.
    if not rules.spanning or letters is None or rules.spanning.encode() not in letters.to_pybytes():
        return titles
    held = pc.match_substring(titles, rules.spanning)
    rewritten = [" ".join(rules.prepare(title).split()) for title in titles.filter(held).to_pylist()]
    return pc.replace_with_mask(titles, held, texts(rewritten))


class _Numbers(dict[str, int]):
    """Numbers texts from 0, in the order in which they are first looked up."""

    def __missing__(self, text: str) -> int:
        number = self[text] = len(self)
        return number


class _RaggedRows:
    """Rows of numbers to which rows are added: row i is flat[ends[i]:ends[i + 1]]."""

    def __init__(self) -> None:
        self._flat, self._ends = np.zeros(1, np.int32), np.zeros(1, np.int64)
        self._rows = 0

    def add(self, flat: NDArray[np.int32], sizes: NDArray[np.int64]) -> None:
        last, rows = int(self._ends[self._rows]), self._rows + len(sizes)
        self._flat = _with_room(self._flat, last + len(flat))
        self._flat[last : last + len(flat)] = flat
        self._ends = _with_room(self._ends, rows + 1)
        self._ends[self._rows + 1 : rows + 1] = last + np.cumsum(sizes)
        self._rows = rows

    def take(self, rows: NDArray[np.int64], which: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """rows[which], for each of these its numbers on end; and where the first n of them end, shape (n + 1,)."""
        starts, sizes = self._ends[rows], self._ends[rows + 1] - self._ends[rows]
        chosen = sizes.astype(np.int32)[which]
        ends = np.zeros(len(which) + 1, np.int32)
        np.cumsum(chosen, out=ends[1:])
        places = starts.astype(np.int32)[which]
        places -= ends[:-1]
        return self._flat[np.repeat(places, chosen) + np.arange(ends[-1], dtype=np.int32)], ends


def _with_room(values: NDArray[Number], length: int) -> NDArray[Number]:
    """The values with room for `length` of them; doubled when there is too little, so that growing costs little."""
    if length <= len(values):
        return values
    grown = np.empty(max(length, 2 * len(values)), values.dtype)
    grown[: len(values)] = values
    return grown


class WordNumbers:
    """Numbers words in the order in which they turn up; which of them get an id is only known when all were seen."""

    def __init__(self, tokenizer: str, longest: int, boundaries: bool = False) -> None:
        """`longest`: words; what a title has beyond them is cut off. `boundaries`: see that module."""
        self._rules = tokenizer_of(tokenizer)
        self._longest = longest
        self._boundaries = boundaries
        self._words = _Numbers()
        self._pieces, self._words_of_pieces = _Numbers(), _RaggedRows()

    def __len__(self) -> int:
        return len(self._words)

    @property
    def marks(self) -> int:
        """How many of a title's words are marks of its ends; a title without words has none."""
        return len(BOUNDARIES) if self._boundaries else 0

    @property
    def words(self) -> list[str]:
        """All words seen, by number."""
        return list(self._words)

    def encode(self, pieces: Pieces) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The words of the titles on end, as numbers, and how many each title has, shape (titles,)."""
        tokens, ends = self._words_of_pieces.take(self._numbered(pieces.distinct), pieces.which)
        bounds = ends[pieces.offsets]
        lengths = np.diff(bounds).astype(np.int64)
        if lengths.max(initial=0) > self._longest:
            position = np.arange(len(tokens)) - np.repeat(bounds[:-1], lengths)
            tokens = tokens[position < self._longest]
            lengths = np.minimum(lengths, self._longest)
        if self._boundaries:
            return with_boundary_ids(tokens, lengths, self._words[BEGIN], self._words[END])
        return tokens, lengths

    def _numbered(self, pieces: list[str]) -> NDArray[np.int64]:
        """The rows of the pieces in `_words_of_pieces`, where new ones are added."""
        if len(self._pieces) > REMEMBERED_PIECES:
            self._pieces, self._words_of_pieces = _Numbers(), _RaggedRows()
        known = len(self._pieces)
        rows = np.fromiter(map(self._pieces.__getitem__, pieces), np.int64, len(pieces))
        if new := list(islice(reversed(self._pieces), len(self._pieces) - known))[::-1]:
            words, sizes = self._rules.words_of(new)
            self._words_of_pieces.add(np.fromiter(map(self._words.__getitem__, words), np.int32, len(words)), sizes)
        return rows


def most_frequent(words: list[str], counts: NDArray[np.int64], least: int, most: int) -> NDArray[np.int64]:
    """The numbers of the `most` most frequent words that occur `least` times or more, ties in alphabetical order."""
    enough = np.flatnonzero(counts >= least)
    if len(enough) > most:
        # Only the words that could be among them are sorted: most words of many titles occur once.
        at = len(enough) - most
        enough = enough[counts[enough] >= np.partition(counts[enough], at)[at]]
    numbers = enough.tolist()
    named = map(words.__getitem__, numbers)
    ranked = sorted(zip((-counts[enough]).tolist(), named, numbers, strict=True))[:most]
    return np.fromiter((number for _, _, number in ranked), np.int64, len(ranked))
