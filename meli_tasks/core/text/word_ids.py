"""From titles to word ids: one lookup per piece of a title, and arrays for the rest.

The titles of the last call are cached, because a caller that checks titles for known words encodes them next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.text.ragged_rows import RaggedRows
from meli_tasks.core.text.tokenizers import tokenizer_of

CACHED_PIECES = 200_000
"""Maximum number of pieces whose words are cached; without it, a long stream of new pieces would fill the memory."""


class WordIds:
    """The ids of the words of titles. A word outside the vocabulary gets one of its own, valid until the next call."""

    def __init__(self, tokenizer: str, vocabulary: Mapping[str, int], first_new: int, max_title_words: int) -> None:
        """Set the rules.

        Args:
            tokenizer: How titles are split into words.
            vocabulary: Ids of known words.
            first_new: Greater than all of them.
            max_title_words: Words of a title that count.
        """
        self._rules = tokenizer_of(tokenizer)
        self._vocabulary = vocabulary
        self._first_new = first_new
        self._max_title_words = max_title_words
        self._forget()

    def of(self, titles: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The concatenated word ids of raw titles, and the number of words of each title, shape (titles,)."""
        try:
            rows = np.fromiter(map(self._last_rows.__getitem__, titles), np.int64, len(titles))
        except KeyError:
            return self._found(titles)
        tokens, ends = self._last.take_each(rows)
        return tokens, np.diff(ends).astype(np.int64)

    def _found(self, titles: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        if len(self._places) > CACHED_PIECES:
            self._forget()
        given = titles
        prepare, spanning = self._rules.prepare, self._rules.spanning
        if spanning:
            titles = list(map(prepare, titles))
        split = list(map(str.split, titles))
        pieces = list(chain.from_iterable(split))
        bounds = np.zeros(len(titles) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, split), np.int64, len(split)), out=bounds[1:])
        tokens, ends = self._words.take_each(self._places_of(pieces))
        starts = ends[bounds]
        lengths = np.diff(starts).astype(np.int64)
        if lengths.max(initial=0) > self._max_title_words:
            position = np.arange(len(tokens)) - np.repeat(starts[:-1], lengths)
            tokens = tokens[position < self._max_title_words]
            lengths = np.minimum(lengths, self._max_title_words)
        self._last = RaggedRows()
        self._last.add(tokens, lengths)
        self._last_rows = dict(zip(given, range(len(given)), strict=True))
        return tokens, lengths

    def id_of(self, word: str) -> int:
        """The id of a single word, which may be new."""
        found = self._vocabulary.get(word, self._new_ids.get(word))
        if found is None:
            found = self._new_ids[word] = self._first_new + len(self._new)
            self._new.append(word)
        return found

    def word(self, number: int) -> str:
        """The word outside the vocabulary with this id."""
        return self._new[number - self._first_new]

    def _forget(self) -> None:
        self._places: dict[str, int] = {}
        self._words = RaggedRows()
        self._new_ids: dict[str, int] = {}
        self._new: list[str] = []
        self._last, self._last_rows = RaggedRows(), dict[str, int]()

    def _places_of(self, pieces: Sequence[str]) -> NDArray[np.int64]:
        """The rows of the pieces in `_words`, after adding new pieces."""
        places = self._places
        try:
            return np.fromiter(map(places.__getitem__, pieces), np.int64, len(pieces))
        except KeyError:
            new = [piece for piece in dict.fromkeys(pieces) if piece not in places]
        words, sizes = self._rules.words_of(new)
        self._words.add(np.fromiter(map(self.id_of, words), np.int32, len(words)), sizes)
        places.update(zip(new, range(len(places), len(places) + len(new)), strict=True))
        return np.fromiter(map(places.__getitem__, pieces), np.int64, len(pieces))
