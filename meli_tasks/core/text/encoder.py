"""From titles to integers. Training learns the encoder, the model contains it and serving uses it, so all agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.hyperparameters import Preprocess
from meli_tasks.core.text.boundaries import BEGIN, END, with_boundaries, with_boundary_ids
from meli_tasks.core.text.ngrams import FIRST_WORD, char_ngrams_by_word, covered_by, frequent_ngrams
from meli_tasks.core.text.tokenizers import tokenize
from meli_tasks.core.text.word_ids import WordIds
from meli_tasks.core.text.word_ngrams import WordNgramIndex

__all__ = ["FIRST_WORD", "PAD", "UNKNOWN", "Encoded", "Encoder", "Recognized", "learn_ngrams", "tokenize"]

PAD, UNKNOWN = 0, 1
REMEMBERED_WORDS = (
    60_000  # unknown words whose n-grams are cached; the bound keeps a long stream of new words from growing it
)


# Nearly any text has a known n-gram of two or three letters, so these say nothing about it. That half of a word lies
# in n-grams of four characters holds for 95 % of misspelled words and 6 % of typed nonsense with the default sets, and
# for 62 % and 1 % with the quick sets, which keep fewer n-grams. With n-grams of three it would be 100 % and 56 %.
KNOWN_PART = 4
KNOWN_FRACTION = 0.5


class Recognized(IntEnum):
    """How well an encoder knows a piece of a title, in ascending order."""

    IGNORED = 0  # no tokenizer's word is in it, as in a dash
    NOTHING = 1
    PARTS = 2  # most of its letters lie in known n-grams of KNOWN_PART characters, as in a misspelled word
    WORD = 3


@dataclass(frozen=True)
class Encoded:
    """Titles as ragged rows. Title i owns tokens[offsets[i]:offsets[i + 1]], and word_ngrams likewise.

    Values are int32, offsets int64 (rows + 1,). Without n-grams every word outside the vocabulary is UNKNOWN. With
    n-grams the k-th of these words has the id 2 + vocabulary + k and owns the known n-grams
    new_char_ngrams[new_char_ngram_offsets[k]:new_char_ngram_offsets[k + 1]]; `word_ngrams` are the ids of the known
    n-grams of two or more words.
    """

    tokens: NDArray[np.int32]
    offsets: NDArray[np.int64]
    word_ngrams: NDArray[np.int32]
    word_ngram_offsets: NDArray[np.int64]
    new_char_ngrams: NDArray[np.int32]
    new_char_ngram_offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1


class Encoder:
    """Maps words and n-grams to ids. Word ids: 0 is padding, 1 is unknown, words start at 2. N-gram ids start at 0."""

    def __init__(  # noqa: PLR0917 - these eight values define an encoder
        self,
        tokenizer: str,
        words: Sequence[str],
        ngrams: Sequence[str],
        ngram_weights: NDArray[np.float32],
        word_ngrams: tuple[int, int],
        character_ngrams: tuple[int, int],
        max_title_words: int,
        boundaries: bool = False,
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
        self.boundaries = boundaries
        self._word_ids = {word: index for index, word in enumerate(self.words, FIRST_WORD)}
        self._numbers = {ngram: index for index, ngram in enumerate(self.ngrams)}
        self._word_ngram_index = self._index_word_ngrams()
        self._ids = WordIds(tokenizer, self._word_ids, FIRST_WORD + len(self.words), max_title_words)
        self._new: dict[str, NDArray[np.int32]] = {}
        self._parts: dict[str, bool] = {}
        self._of_vocabulary: tuple[NDArray[np.int32], NDArray[np.int64]] | None = None

    def char_ngrams_of_vocabulary(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The n-grams within each word of the vocabulary by id, as ragged rows (values, offsets (2 + words + 1,)).

        They are found a single time, as the members of an ensemble share an encoder; nobody may change them.
        """
        if self._of_vocabulary is None:
            self._of_vocabulary = self.char_ngrams_of(["", "", *self.words])
            for array in self._of_vocabulary:
                array.flags.writeable = False
        return self._of_vocabulary

    def char_ngrams_of(self, words: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The known n-grams within each word, as ragged rows; an empty word has none."""
        return char_ngrams_by_word(words, self._numbers, self.word_ngrams, self.character_ngrams)

    def encode(self, titles: Sequence[str]) -> Encoded:
        """Encode raw titles; see Encoded for the shapes."""
        tokens, lengths = self._ids.of(titles)
        if self.boundaries:
            tokens, lengths = with_boundary_ids(tokens, lengths, self._ids.id_of(BEGIN), self._ids.id_of(END))
        offsets = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths)))
        first_new = FIRST_WORD + len(self.words)
        outside = tokens >= first_new
        if not self.ngrams:
            return _without_ngrams(np.where(outside, np.int32(UNKNOWN), tokens), offsets)
        distinct, firsts, places = np.unique(tokens[outside], return_index=True, return_inverse=True)
        order = np.argsort(firsts)  # they are numbered in the order in which they occur
        ranks = np.empty(len(order), dtype=np.int32)
        ranks[order] = np.arange(first_new, first_new + len(order), dtype=np.int32)
        tokens[outside] = ranks[places]
        return self._with_ngrams(tokens, offsets, list(map(self._ids.word, distinct[order].tolist())))

    def encode_words(self, titles: Sequence[Sequence[str]]) -> Encoded:
        """Encode titles that are already tokenized by `tokenize`."""
        longest = self.max_title_words
        titles = [words if len(words) <= longest else words[:longest] for words in titles]
        if self.boundaries:
            titles = [with_boundaries(words) for words in titles]
        lengths = np.fromiter(map(len, titles), np.int64, len(titles))
        offsets = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths)))
        if not self.ngrams:
            ids = self._word_ids
            flat = (ids.get(word, UNKNOWN) for word in chain.from_iterable(titles))
            return _without_ngrams(np.fromiter(flat, np.int32, offsets[-1]), offsets)
        ids = _NewIds(self._word_ids, FIRST_WORD + len(self.words))
        tokens = np.fromiter(map(ids.__getitem__, chain.from_iterable(titles)), np.int32, offsets[-1])
        return self._with_ngrams(tokens, offsets, ids.new)

    def _with_ngrams(self, tokens: NDArray[np.int32], offsets: NDArray[np.int64], new: Sequence[str]) -> Encoded:
        rows = [self._char_ngrams_of_new(word) for word in new]
        sizes = np.fromiter(map(len, rows), np.int64, len(rows))
        return Encoded(
            tokens,
            offsets,
            *self._word_ngram_index.find(tokens, offsets),
            np.concatenate(rows) if rows else np.zeros(0, dtype=np.int32),
            np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(sizes))),
        )

    def known(self, titles: Sequence[str], *, parts: bool) -> NDArray[np.bool_]:
        """Whether at least one word of each title is known, or with `parts` known by its parts, shape (titles,)."""
        tokens, lengths = self._ids.of(titles)
        owners = np.repeat(np.arange(len(titles)), lengths)
        inside = tokens < FIRST_WORD + len(self.words)
        known = np.zeros(len(titles), np.bool_)
        known[owners[inside]] = True
        if parts and not known.all():
            missing = ~known[owners]
            words = map(self._ids.word, tokens[missing].tolist())
            by_parts = np.fromiter(map(self._known_by_parts, words), np.bool_, int(missing.sum()))
            known[owners[missing][by_parts]] = True
        return known

    def recognizes(self, text: str) -> Recognized:
        """How well a piece of a title is known: as well as the best known of its words."""
        return self._best_of(tokenize([text], self.tokenizer)[0])

    def _best_of(self, words: Sequence[str]) -> Recognized:
        if not words:
            return Recognized.IGNORED
        if any(word in self._word_ids for word in words):
            return Recognized.WORD
        return Recognized.PARTS if any(map(self._known_by_parts, words)) else Recognized.NOTHING

    def _known_by_parts(self, word: str) -> bool:
        found = self._parts.get(word)
        if found is None:
            if len(self._parts) >= REMEMBERED_WORDS:
                self._parts.clear()
            least = min(KNOWN_PART, self.character_ngrams[1])
            covered = covered_by(word, self._numbers, self.character_ngrams, least)
            found = self._parts[word] = word in self._numbers or covered >= KNOWN_FRACTION
        return found

    def find_word_ngrams(
        self, tokens: NDArray[np.int32], offsets: NDArray[np.int64]
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The ids of the known word n-grams of each title, as ragged rows. Words outside the vocabulary form none."""
        return self._word_ngram_index.find(tokens, offsets)

    def _index_word_ngrams(self) -> WordNgramIndex:
        word_ngrams, numbers = [], []
        for ngram, number in self._numbers.items():
            if " " in ngram:
                word_ngrams.append([self._word_ids[word] for word in ngram.split(" ")])
                numbers.append(number)
        return WordNgramIndex.of(word_ngrams, numbers)

    def _char_ngrams_of_new(self, word: str) -> NDArray[np.int32]:
        found = self._new.get(word)
        if found is None:
            if len(self._new) >= REMEMBERED_WORDS:
                self._new.clear()
            found = self._new[word] = self.char_ngrams_of([word])[0]
        return found

    def to_json(self) -> dict[str, Any]:
        """Values for json.dump, from which `from_json` restores an encoder with exactly the same results."""
        return {
            "tokenizer": self.tokenizer,
            "max_title_words": self.max_title_words,
            "boundaries": self.boundaries,
            "word_ngrams": list(self.word_ngrams),
            "character_ngrams": list(self.character_ngrams),
            "words": self.words,
            "ngrams": self.ngrams,
            "ngram_weights": [float(f"{weight:.9g}") for weight in self.ngram_weights],  # 9 digits hold a float32
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Restore the encoder that `to_json` described."""
        return cls(
            tokenizer=stored["tokenizer"],
            words=stored["words"],
            ngrams=stored["ngrams"],
            ngram_weights=np.array(stored["ngram_weights"], dtype=np.float32),
            word_ngrams=tuple(stored["word_ngrams"]),
            character_ngrams=tuple(stored["character_ngrams"]),
            max_title_words=stored["max_title_words"],
            boundaries=stored.get("boundaries", False),  # missing in models that are older than boundary tokens
        )


class _NewIds(dict[str, int]):
    """Ids by word; a word outside the vocabulary gets the next free id. Does not copy the vocabulary."""

    def __init__(self, known: Mapping[str, int], first: int) -> None:
        super().__init__()
        self._known = known
        self._first = first
        self.new: list[str] = []

    def __missing__(self, word: str) -> int:
        found = self._known.get(word)
        if found is None:
            found = self._first + len(self.new)
            self.new.append(word)
        self[word] = found
        return found


def _without_ngrams(tokens: NDArray[np.int32], offsets: NDArray[np.int64]) -> Encoded:
    nothing, nowhere = np.zeros(0, dtype=np.int32), np.zeros(len(offsets), dtype=np.int64)
    return Encoded(tokens, offsets, nothing, nowhere, nothing, np.zeros(1, dtype=np.int64))


def learn_ngrams(
    words: Sequence[str],
    vocabulary: int,
    tokens: NDArray[np.int32],
    offsets: NDArray[np.int64],
    params: Preprocess,
) -> tuple[list[str], NDArray[np.float32]]:
    """Learn the n-grams of encoded training titles, with their smoothed inverse document frequencies (n-grams,).

    The most frequent n-grams come first, ties in alphabetical order. Frequencies count occurrences instead of titles,
    because occurrences can be counted by word: a title rarely contains an n-gram twice.

    Args:
        words: All words of the titles, from id 2; the first `vocabulary` of them are the vocabulary.
        vocabulary: The number of words in the vocabulary.
        tokens: The word ids of the titles.
        offsets: Where each title starts in `tokens`.
        params: The hyperparameters.
    """
    ngrams, counts = frequent_ngrams(
        words,
        vocabulary,
        tokens,
        offsets,
        params.word_ngrams,
        params.character_ngrams,
        params.min_ngram_count,
        params.max_ngrams,
    )
    titles = len(offsets) - 1
    weights = np.log((1 + titles) / (1 + np.minimum(counts, titles))) + 1
    return ngrams, weights.astype(np.float32)
