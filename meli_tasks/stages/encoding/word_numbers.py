"""From titles to word numbers, batch by batch: split by Arrow, then one lookup per distinct piece of a batch.

Titles repeat their pieces ("funda", "iPhone", "11"): of the 320,000 pieces of 50,000 titles, 25,000 are distinct.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from meli_tasks.core.text.boundaries import BEGIN, BOUNDARIES, END, with_boundary_ids
from meli_tasks.core.text.ragged_rows import RaggedRows
from meli_tasks.core.text.tokenizers import Tokenizer, tokenizer_of
from meli_tasks.stages.files.arrow_columns import texts

CACHED_PIECES = 1_000_000  # bounds the cache for a long stream of new pieces


@dataclass(frozen=True)
class Pieces:
    """Titles split at spaces. Title i owns which[offsets[i]:offsets[i + 1]], positions in `distinct`."""

    distinct: list[str]
    which: NDArray[np.int32]
    offsets: NDArray[np.int32]


def pieces_of(titles: pa.StringArray, tokenizer: str) -> Pieces:
    """Split titles, which must not be null. Nearly all of its time is spent without the interpreter lock."""
    rules = tokenizer_of(tokenizer)
    lists = pc.split_pattern(_prepared(titles, rules), " ")
    encoded = lists.flatten().dictionary_encode()
    which = np.frombuffer(encoded.indices.buffers()[1] or b"", np.int32)[: len(encoded)]
    offsets = np.frombuffer(lists.buffers()[1] or bytes(4), np.int32)[: len(lists) + 1]
    return Pieces(encoded.dictionary.to_pylist(), which, offsets)


def _prepared(titles: pa.StringArray, rules: Tokenizer) -> pa.StringArray:
    """The titles, after rewriting the few that must be prepared before they are split."""
    letters = titles.buffers()[2]
    # A search in all of them at once is ten times as fast, and most batches contain none.
    if not rules.spanning or letters is None or rules.spanning.encode() not in letters.to_pybytes():
        return titles
    held = pc.match_substring(titles, rules.spanning)
    rewritten = [" ".join(rules.prepare(title).split()) for title in titles.filter(held).to_pylist()]
    return pc.replace_with_mask(titles, held, texts(rewritten))


class _Numbers(dict[str, int]):
    """Numbers texts from 0, in the order of their first lookup."""

    def __missing__(self, text: str) -> int:
        number = self[text] = len(self)
        return number


class WordNumbers:
    """Numbers words in the order in which they occur; which words get an id is known only at the end."""

    def __init__(self, tokenizer: str, max_title_words: int, boundaries: bool = False) -> None:
        """Titles are truncated to `max_title_words`. `boundaries`: add boundary tokens."""
        self._rules = tokenizer_of(tokenizer)
        self._max_title_words = max_title_words
        self._boundaries = boundaries
        self._words = _Numbers()
        self._pieces, self._words_of_pieces = _Numbers(), RaggedRows()

    def __len__(self) -> int:
        return len(self._words)

    @property
    def boundary_tokens(self) -> int:
        """The number of boundary tokens of a title; a title without words has none."""
        return len(BOUNDARIES) if self._boundaries else 0

    @property
    def words(self) -> list[str]:
        """All words so far, by number."""
        return list(self._words)

    def encode(self, pieces: Pieces) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The concatenated word numbers of the titles, and the number of words of each title, shape (titles,)."""
        tokens, ends = self._words_of_pieces.take(self._numbered(pieces.distinct), pieces.which)
        bounds = ends[pieces.offsets]
        lengths = np.diff(bounds).astype(np.int64)
        if lengths.max(initial=0) > self._max_title_words:
            position = np.arange(len(tokens)) - np.repeat(bounds[:-1], lengths)
            tokens = tokens[position < self._max_title_words]
            lengths = np.minimum(lengths, self._max_title_words)
        if self._boundaries:
            return with_boundary_ids(tokens, lengths, self._words[BEGIN], self._words[END])
        return tokens, lengths

    def _numbered(self, pieces: list[str]) -> NDArray[np.int64]:
        """The rows of the pieces in `_words_of_pieces`, after adding new pieces."""
        if len(self._pieces) > CACHED_PIECES:
            self._pieces, self._words_of_pieces = _Numbers(), RaggedRows()
        known = len(self._pieces)
        rows = np.fromiter(map(self._pieces.__getitem__, pieces), np.int64, len(pieces))
        if new := list(islice(reversed(self._pieces), len(self._pieces) - known))[::-1]:
            words, sizes = self._rules.words_of(new)
            self._words_of_pieces.add(np.fromiter(map(self._words.__getitem__, words), np.int32, len(words)), sizes)
        return rows


def most_frequent(words: list[str], counts: NDArray[np.int64], min_count: int, limit: int) -> NDArray[np.int64]:
    """The numbers of the `limit` most frequent words that occur at least `min_count` times; ties are alphabetical."""
    enough = np.flatnonzero(counts >= min_count)
    if len(enough) > limit:
        # Sort only the words that may be among them: of many titles, most words occur a single time.
        at = len(enough) - limit
        enough = enough[counts[enough] >= np.partition(counts[enough], at)[at]]
    numbers = enough.tolist()
    named = map(words.__getitem__, numbers)
    ranked = sorted(zip((-counts[enough]).tolist(), named, numbers, strict=True))[:limit]
    return np.fromiter((number for _, _, number in ranked), np.int64, len(ranked))
