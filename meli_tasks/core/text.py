"""Titles to integers: the encoder that training learns, the model carries and serving uses, so that all three agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.errors import BadData
from meli_tasks.core.hyperparameters import Preprocess
from meli_tasks.core.ngrams import character_ngrams_of, frequent_ngrams, ngrams_of, word_ngrams_of
from meli_tasks.core.tokenizers import tokenize

__all__ = ["FIRST_WORD", "PAD", "UNKNOWN", "Encoded", "Encoder", "learn", "ngrams_of", "tokenize"]

PAD, UNKNOWN, FIRST_WORD = 0, 1, 2
TITLES_A_CHUNK = 8_192  # n-grams of this many titles are sorted at once: a few tens of megabytes
REMEMBERED_WORDS = 60_000  # n-gram numbers kept by word; a long stream of new words must not grow without end


@dataclass(frozen=True)
class Encoded:
    """Titles as ragged rows. Title i owns tokens[offsets[i]:offsets[i + 1]], and n-grams likewise; either may be none.

    tokens int32 (words), offsets int64 (titles + 1), ngrams int32 ascending in a title, ngram_offsets int64
    (titles + 1), ngram_values float32: TF-IDF, of length 1 per title.
    """

    tokens: NDArray[np.int32]
    offsets: NDArray[np.int64]
    ngrams: NDArray[np.int32]
    ngram_offsets: NDArray[np.int64]
    ngram_values: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.offsets) - 1


class Encoder:
    """Numbers words and n-grams. Word ids: 0 pads, 1 is unknown, words from 2. N-gram ids count from 0."""

    def __init__(  # noqa: PLR0917 - all seven are what an encoder is
        self,
        tokenizer: str,
        words: Sequence[str],
        ngrams: Sequence[str],
        ngram_weights: NDArray[np.float32],
        word_ngrams: tuple[int, int],
        character_ngrams: tuple[int, int],
        max_title_words: int,
    ) -> None:
        if len(ngram_weights) != len(ngrams):
            raise ValueError(f"{len(ngrams)} n-grams, but {len(ngram_weights)} weights")
        self.tokenizer = tokenizer
        self.words = list(words)
        self.ngrams = list(ngrams)
        self.ngram_weights = np.asarray(ngram_weights, dtype=np.float32)
        self.word_ngrams = (word_ngrams[0], word_ngrams[1])
        self.character_ngrams = (character_ngrams[0], character_ngrams[1])
        self.max_title_words = max_title_words
        self._word_ids = {word: index for index, word in enumerate(self.words, FIRST_WORD)}
        self._ngram_ids = {ngram: index for index, ngram in enumerate(self.ngrams)}
        self._ngrams_by_word: dict[str, NDArray[np.int32]] = {}

    def encode(self, titles: Sequence[str]) -> Encoded:
        """Raw titles to arrays; see Encoded for the shapes."""
        return self.encode_words(tokenize(titles, self.tokenizer))

    def encode_words(self, titles: Sequence[Sequence[str]]) -> Encoded:
        """The same from lists of words, as `tokenize` gives them."""
        longest = self.max_title_words
        titles = [words if len(words) <= longest else words[:longest] for words in titles]
        lengths = np.fromiter(map(len, titles), np.int64, len(titles))
        ids = self._word_ids
        tokens = np.fromiter((ids.get(word, UNKNOWN) for word in chain.from_iterable(titles)), np.int32, lengths.sum())
        chunks = (titles[low : low + TITLES_A_CHUNK] for low in range(0, len(titles), TITLES_A_CHUNK))
        parts = [self._encode_ngrams(chunk) for chunk in chunks]
        ngrams, sizes, values = (np.concatenate(part) for part in zip(*parts, strict=True)) if parts else _NOTHING
        return Encoded(tokens, _offsets(lengths), ngrams.astype(np.int32, copy=False), _offsets(sizes), values)

    def _encode_ngrams(
        self, titles: Sequence[Sequence[str]]
    ) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.float32]]:
        """N-gram ids, how many each title has, and their values."""
        if not self.ngrams:
            return _NOTHING[0], np.zeros(len(titles), dtype=np.int64), _NOTHING[2]
        keys = np.sort(self._ngram_keys(titles))
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        rows, ngrams = np.divmod(keys[first], len(self.ngrams))
        counts = np.diff(np.append(first, len(keys)))
        values = (1 + np.log(counts)) * self.ngram_weights[ngrams].astype(np.float64)
        norms = np.sqrt(np.bincount(rows, weights=values * values, minlength=len(titles)))
        sizes = np.bincount(rows, minlength=len(titles))
        return ngrams.astype(np.int32), sizes, (values / norms[rows]).astype(np.float32)

    def _ngram_keys(self, titles: Sequence[Sequence[str]]) -> NDArray[np.int64]:
        """Title number * n-gram count + n-gram id, for each occurrence, in no order."""
        within = [self._ngrams_of_word(word) for words in titles for word in words]
        lengths = np.fromiter(map(len, titles), np.int64, len(titles))
        rows = np.repeat(np.arange(len(titles)), lengths)
        rows = np.repeat(rows, np.fromiter(map(len, within), np.int64, len(within)))
        ids = self._ngram_ids
        between: list[int] = []
        longer = (max(2, self.word_ngrams[0]), self.word_ngrams[1])
        if longer[1] >= 2:
            for row, words in enumerate(titles):
                start = row * len(self.ngrams)
                between.extend(start + ids[ngram] for ngram in word_ngrams_of(words, longer) if ngram in ids)
        found = np.concatenate(within) if within else np.zeros(0, dtype=np.int32)
        return np.concatenate((rows * len(self.ngrams) + found, np.array(between, dtype=np.int64)))

    def _ngrams_of_word(self, word: str) -> NDArray[np.int32]:
        """Ids of the known n-grams within one word, itself included, repeats kept."""
        found = self._ngrams_by_word.get(word)
        if found is None:
            if len(self._ngrams_by_word) >= REMEMBERED_WORDS:
                self._ngrams_by_word.clear()
            names = character_ngrams_of(word, self.character_ngrams)
            if self.word_ngrams[0] == 1:
                names.append(word)
            ids = self._ngram_ids
            found = np.array([ids[name] for name in names if name in ids], dtype=np.int32)
            self._ngrams_by_word[word] = found
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain values for json.dump; `from_json` gives back an encoder that encodes the same, to the bit."""
        return {
            "tokenizer": self.tokenizer,
            "max_title_words": self.max_title_words,
            "word_ngrams": list(self.word_ngrams),
            "character_ngrams": list(self.character_ngrams),
            "words": self.words,
            "ngrams": self.ngrams,
            "ngram_weights": [float(f"{weight:.9g}") for weight in self.ngram_weights],  # 9 digits hold a float32
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The encoder that `to_json` described."""
        return cls(
            tokenizer=stored["tokenizer"],
            words=stored["words"],
            ngrams=stored["ngrams"],
            ngram_weights=np.array(stored["ngram_weights"], dtype=np.float32),
            word_ngrams=tuple(stored["word_ngrams"]),
            character_ngrams=tuple(stored["character_ngrams"]),
            max_title_words=stored["max_title_words"],
        )


_NOTHING = (np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))


def _offsets(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths, dtype=np.int64)))


def learn(titles: Sequence[Sequence[str]], params: Preprocess) -> Encoder:
    """The encoder of these titles (lists of words, as `tokenize` gives them).

    Words by frequency, then alphabetically; n-grams by the titles they occur in, then alphabetically, with smooth
    inverse document frequencies as weights. BadData when no title has a word left.
    """
    titles = [words[: params.max_title_words] for words in titles]
    counted = Counter(chain.from_iterable(titles))
    if not counted:
        raise BadData(
            f"none of the {len(titles)} training titles has a word left after tokenizer '{params.tokenizer}': "
            "is the title column the right one?"
        )
    frequent = [(-count, word) for word, count in counted.items() if count >= params.min_word_count]
    words = [word for _, word in sorted(frequent)[: params.max_words]]
    ngrams: list[str] = []
    weights = np.zeros(0)
    if params.max_ngrams:
        ngrams, counts = frequent_ngrams(
            titles, params.word_ngrams, params.character_ngrams, params.min_ngram_titles, params.max_ngrams
        )
        weights = np.log((1 + len(titles)) / (1 + counts)) + 1
    return Encoder(
        tokenizer=params.tokenizer,
        words=words,
        ngrams=ngrams,
        ngram_weights=weights.astype(np.float32),
        word_ngrams=params.word_ngrams,
        character_ngrams=params.character_ngrams,
        max_title_words=params.max_title_words,
    )
