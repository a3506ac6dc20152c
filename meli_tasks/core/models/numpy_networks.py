"""The two architectures in numpy, one title at a time: importing torch takes longer than to classify some titles.

`networks` defines the architectures and trains them; here is only what a prediction computes, from the same
tensors. The probabilities differ by rounding: by at most TOLERANCE, which the tests check for every kind of network.

Shapes: T words of a title, W windows, D dimensions of a word vector, N dimensions of an n-gram vector, K categories.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.text.encoder import FIRST_WORD, UNKNOWN, Encoder

TOLERANCE = 1e-5
"""The greatest difference of a probability from torch's."""
SMALLEST_NORM = 1e-12
"""As in torch's `normalize`."""

Floats = NDArray[np.float32]
Rows = Callable[[NDArray[np.integer]], Floats]
"""Ids (n,) -> the rows of a table (n, dimensions): it need not be in memory."""


@dataclass(frozen=True)
class NumpyNetwork:
    """A trained network.

    Attributes:
        params: Its hyperparameters.
        tensors: Its tensors by their names in torch, without the two tables.
        words: The vectors of words.
        ngrams: The vectors of n-grams; None for a network without them.
        padded_to: See `TitleNetwork`.
    """

    params: Train
    tensors: Mapping[str, Floats]
    words: Rows
    ngrams: Rows | None
    padded_to: int | None

    @staticmethod
    def can_compute(params: Train, padded_to: int | None) -> bool:
        """Whether a title's prediction depends on nothing but the title; it does for every set except mistaken ones."""
        return not (params.dropout_at_evaluation or (params.sees_padding and padded_to is None))

    @staticmethod
    def shapes(
        params: Train, word_vectors_shape: tuple[int, int], ngram_count: int, category_count: int
    ) -> dict[str, tuple[int, ...]]:
        """The shapes of all tensors of a network that `networks.build` makes from the same arguments."""
        dimensions, filters = word_vectors_shape[1], params.filters
        shapes: dict[str, tuple[int, ...]] = {"words.weight": word_vectors_shape}
        width = dimensions
        if params.architecture == "cnn":
            channels = dimensions + (params.ngram_dimensions if params.filter_ngrams else 0)
            for number, length in enumerate(params.filter_lengths):
                shapes[f"convolutions.{number}.weight"] = (filters, channels, length)
                shapes[f"convolutions.{number}.bias"] = (filters,)
            width = filters * len(params.filter_lengths)
        if params.ngram_dimensions:
            shapes["ngrams.table.weight"] = (ngram_count, params.ngram_dimensions)
            shapes["ngrams.bias"] = (params.ngram_dimensions,)
            width += params.ngram_dimensions
        layers = [(f"hidden.{number}", layer) for number, layer in enumerate(params.hidden)]
        for name, layer in [*layers, ("out", category_count)]:
            shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (layer, width), (layer,)
            width = layer
        return shapes

    def probabilities(self, title: EncodedTitle, inverse_temperature: float = 1.0) -> Floats:
        """The probability of each category (K,); `inverse_temperature` multiplies the logits."""
        bag, char_vectors = self._ngram_bag(title)
        pool = self._mean if self.params.architecture == "mlp" else self._filtered
        values = np.concatenate((pool(title, char_vectors), bag))
        for layer in range(len(self.params.hidden)):
            values = np.maximum(self._dense(f"hidden.{layer}", values), 0)
        logits = self._dense("out", values)
        if self.params.sigmoid_before_loss:
            logits = np.reciprocal(1 + np.exp(-logits))
        logits *= np.float32(inverse_temperature)
        exponents = np.exp(logits - logits.max())
        found: Floats = exponents / exponents.sum()
        return found

    def _dense(self, name: str, values: Floats) -> Floats:
        result: Floats = self.tensors[f"{name}.weight"] @ values + self.tensors[f"{name}.bias"]
        return result

    def _mean(self, title: EncodedTitle, _: Floats) -> Floats:
        """The mean of the word vectors (D,), or in the lab's way the sum over the padded length."""
        vectors, length = self.words(title.tokens), len(title.tokens)
        divisor = max(length, self.padded_to or 0, 1) if self.params.mean_over_padding else max(length, 1)
        total: Floats = vectors.sum(axis=0) / np.float32(divisor)
        return total

    def _filtered(self, title: EncodedTitle, char_vectors: Floats) -> Floats:
        """The greatest response of each filter to a window of the title (filters x lengths,)."""
        tokens, lengths = len(title.tokens), self.params.filter_lengths
        width = max(tokens, self.padded_to or 0, *lengths) if self.params.max_over_padding else tokens
        vectors = self.words(np.append(title.tokens, 0))  # the last row is padding
        if self.params.filter_ngrams:
            norms = np.linalg.norm(char_vectors, axis=1, keepdims=True)
            of_words = (char_vectors / np.maximum(norms, SMALLEST_NORM))[title.places]
            vectors = np.hstack((vectors, np.pad(of_words, ((0, 1), (0, 0)))))
        responses = []
        for number, length in enumerate(lengths):
            windows = np.arange(max(width - length + 1, 1))[:, None] + np.arange(length)  # (W, length)
            seen = vectors[np.minimum(windows, tokens)]  # (W, length, channels)
            weight = self.tensors[f"convolutions.{number}.weight"]  # (filters, channels, length)
            response = seen.reshape(len(seen), -1) @ weight.transpose(2, 1, 0).reshape(-1, len(weight))
            responses.append(np.maximum(response.max(axis=0) + self.tensors[f"convolutions.{number}.bias"], 0))
        return np.concatenate(responses)

    def _ngram_bag(self, title: EncodedTitle) -> tuple[Floats, Floats]:
        """The bag of n-grams (N,), and the unscaled sum of the n-grams of each distinct word (words, N)."""
        if self.ngrams is None:
            return np.zeros(0, np.float32), np.zeros((0, 0), np.float32)
        vectors = self.ngrams(np.concatenate((title.char_ngrams, title.word_ngrams)))
        vectors = vectors * title.ngram_weights[:, None]
        count = len(title.char_ngrams)
        words = np.zeros((len(title.char_ngram_offsets) - 1, vectors.shape[1]), np.float32)
        np.add.at(words, np.repeat(np.arange(len(words)), np.diff(title.char_ngram_offsets)), vectors[:count])
        total = words[title.places].sum(axis=0) + vectors[count:].sum(axis=0)
        return np.maximum(total * title.scale + self.tensors["ngrams.bias"], 0), words


@dataclass(frozen=True)
class EncodedTitle:
    """A title as the network reads it. N-grams within a word are listed once for each distinct word.

    `places` (T,): the distinct word of each token; word u owns char_ngrams[offsets[u]:offsets[u + 1]]. `ngram_weights`:
    of `char_ngrams`, then of `word_ngrams`. All of them times `scale` form a vector of length 1.
    """

    tokens: NDArray[np.int64]
    places: NDArray[np.int64]
    char_ngrams: NDArray[np.int64]
    char_ngram_offsets: NDArray[np.int64]
    word_ngrams: NDArray[np.int64]
    ngram_weights: Floats
    scale: np.float32

    @classmethod
    def of(cls, encoder: Encoder, title: str) -> EncodedTitle:
        """Encode a title."""
        encoded, known = encoder.encode([title]), FIRST_WORD + len(encoder.words)
        distinct, places = np.unique(encoded.tokens, return_inverse=True)
        listed = distinct[distinct < known]
        texts = [encoder.words[word - FIRST_WORD] if word >= FIRST_WORD else "" for word in listed.tolist()]
        if encoder.ngrams:
            ids, offsets = encoder.char_ngrams_of(texts)
        else:
            ids, offsets = np.zeros(0, np.int32), np.zeros(len(texts) + 1, np.int64)
        # New words follow those of the vocabulary, in the order of their ids.
        char_ngrams = np.concatenate((ids, encoded.new_char_ngrams)).astype(np.int64)
        offsets = np.concatenate((offsets, offsets[-1] + encoded.new_char_ngram_offsets[1:])).astype(np.int64)
        word_ngrams = encoded.word_ngrams.astype(np.int64)
        weights = encoder.ngram_weights[np.concatenate((char_ngrams, word_ngrams))]
        squares = weights.astype(np.float64) ** 2
        ends = np.concatenate((np.zeros(1), squares[: len(char_ngrams)].cumsum()))[offsets]
        total = np.diff(ends)[places].sum() + squares[len(char_ngrams) :].sum()
        scale = np.float32(total**-0.5 if total > 0 else 0.0)
        tokens = np.where(encoded.tokens < known, encoded.tokens, UNKNOWN).astype(np.int64)
        return cls(tokens, places, char_ngrams, offsets, word_ngrams, weights, scale)


@dataclass(frozen=True)
class NumpyMember:
    """A network of a classifier, with its encoder, categories, weight (they sum to 1) and inverse temperature."""

    encoder: Encoder
    network: NumpyNetwork
    categories: Sequence[str]
    weight: float = 1.0
    inverse_temperature: float = 1.0


class NumpyClassifier:
    """Ranks categories for raw titles as `TitleClassifier` and `Ensemble` do: the weighted mean of its members."""

    def __init__(self, members: Sequence[NumpyMember]) -> None:
        self.members = tuple(members)
        self.categories = list(dict.fromkeys(name for member in members for name in member.categories))
        position = {name: place for place, name in enumerate(self.categories)}
        self._columns = [np.array([position[name] for name in member.categories]) for member in members]

    def probabilities(self, titles: Sequence[str]) -> Floats:
        """Raw titles -> (titles, categories); each row sums to 1."""
        found = np.zeros((len(titles), len(self.categories)), np.float32)
        for row, title in zip(found, titles, strict=True):
            encoded: dict[int, EncodedTitle] = {}
            for member, columns in zip(self.members, self._columns, strict=True):
                key = id(member.encoder)  # members that share an encoder share what it makes of a title
                if key not in encoded:
                    encoded[key] = EncodedTitle.of(member.encoder, title)
                predicted = member.network.probabilities(encoded[key], member.inverse_temperature)
                row[columns] += np.float32(member.weight) * predicted
        return found

    def rank(self, titles: Sequence[str], top: int = 5) -> tuple[NDArray[np.int64], Floats]:
        """Raw titles -> the `top` most likely categories, best first: positions and probabilities, (titles, top) each.

        There are fewer columns if there are fewer than `top` categories.
        """
        probabilities = self.probabilities(titles)
        best = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
        return best, np.take_along_axis(probabilities, best, axis=1)

    def known(self, titles: Sequence[str]) -> NDArray[np.bool_]:
        """Whether any member knows a word of each title, at least by its parts, shape (titles,)."""
        found: NDArray[np.bool_] = np.any(
            [member.encoder.known(titles, parts=member.network.ngrams is not None) for member in self.members], axis=0
        )
        return found
