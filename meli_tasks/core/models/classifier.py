"""A trained model that ranks categories for raw titles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from meli_tasks.core.data.batch import Batch, BatchNgrams
from meli_tasks.core.data.encoded_titles import Csr, scales_of, squares_of
from meli_tasks.core.models.networks import TitleNetwork
from meli_tasks.core.text.boundaries import BOUNDARIES
from meli_tasks.core.text.encoder import FIRST_WORD, UNKNOWN, Encoded, Encoder, Recognized

BATCH_SIZE = 1024

Batched = TypeVar("Batched")


@dataclass(frozen=True)
class Scored:
    """What a classifier makes of n titles of known categories; fewer columns if there are fewer than `top` categories.

    `ranked` and `probabilities` (n, top) are the most likely categories, best first. `true_probabilities` (n,) is 0 for
    a category that the classifier does not know. `unknown_words` (n,) is the fraction of a title's words that are not
    in its vocabulary.
    """

    ranked: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    true_probabilities: NDArray[np.float32]
    unknown_words: NDArray[np.float32]


class TitleClassifier:
    """An encoder, a network and the names of its outputs.

    Not thread-safe: calls share the encoder's cache and the network's state.
    """

    def __init__(
        self, encoder: Encoder, network: TitleNetwork, categories: Sequence[str], *, precompute: bool = True
    ) -> None:
        """Put the parts together.

        Args:
            encoder: From titles to ids.
            network: From ids to logits.
            categories: The names of the network's outputs.
            precompute: Whether to compute in advance what depends only on a word of the vocabulary. It takes about a
                second, which pays off for more than a few hundred titles.
        """
        if network.out.out_features != len(categories):
            raise ValueError(f"{network.out.out_features} outputs, but {len(categories)} categories")
        self.encoder = encoder
        self.network = network.eval()
        self.categories = list(categories)
        self._precomputed = precompute
        self._weights = torch.from_numpy(encoder.ngram_weights)
        if not precompute:
            return
        network.precompute()
        if network.ngrams is not None:
            # The n-gram vectors of each word are summed a single time, not for every title that contains the word.
            char_ngrams = Csr.of(encoder.char_ngrams_of_vocabulary(), "cpu")
            self._squares = squares_of(char_ngrams, self._weights)
            network.ngrams.precompute(char_ngrams.ids, char_ngrams.offsets, self._weights[char_ngrams.ids])

    def probabilities(self, titles: Sequence[str]) -> NDArray[np.float32]:
        """Raw titles -> (titles, categories); each row sums to 1. All titles without a known word get the same row."""
        return probabilities_of(self, titles)

    def rank(self, titles: Sequence[str], top: int = 5) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Raw titles -> the `top` most likely categories, best first: positions and probabilities, (titles, top) each.

        There are fewer columns if there are fewer than `top` categories.
        """
        return ranked_by(self, titles, top)

    def score(self, titles: Sequence[str], labels: NDArray[np.int64], top: int = 5) -> Scored:
        """Raw titles and the positions of their categories, -1 for one that the model does not know -> see Scored."""
        return scored_by(self, titles, labels, top)

    def known(self, titles: Sequence[str]) -> NDArray[np.bool_]:
        """Whether the model knows a word of each title, at least by its parts, shape (titles,).

        A ranking for any other title is a guess: it hardly depends on what the title says.
        """
        return self.encoder.known(titles, parts=self.network.ngrams is not None)

    def unknown_words(self, batch: Batch) -> Tensor:
        """A batch of `batch_of` -> the fraction of each title's words that are not in the vocabulary, shape (titles,).

        Boundary tokens are no words. A title without words has nothing that the model knows: 1.
        """
        sizes = batch.offsets.diff()
        title = torch.repeat_interleave(torch.arange(len(sizes)), sizes)
        unknown = torch.bincount(title[batch.tokens == UNKNOWN], minlength=len(sizes))
        words = sizes - len(BOUNDARIES) * self.encoder.boundaries
        return torch.where(words > 0, unknown / words.clamp(min=1), 1.0).clamp(max=1.0)

    def recognizes(self, text: str) -> Recognized:
        """How well the model knows a piece of a title. N-grams count only for a network that reads them."""
        found = self.encoder.recognizes(text)
        return Recognized.NOTHING if found is Recognized.PARTS and self.network.ngrams is None else found

    @torch.inference_mode()
    def predict(self, batch: Batch, inverse_temperature: float = 1.0) -> Tensor:
        """A batch of `batch_of` -> probabilities (titles, categories).

        `inverse_temperature` multiplies the logits.
        """
        logits = self.network(batch).float()
        return torch.softmax(logits if inverse_temperature == 1.0 else logits * inverse_temperature, dim=1)

    @torch.inference_mode()
    def batch_of(self, titles: Sequence[str]) -> Batch:
        """Raw titles, at least one -> the network's input. Networks with the same encoder accept the same batch."""
        encoded = self.encoder.encode(titles)
        words = Csr(torch.from_numpy(encoded.tokens).long(), torch.from_numpy(encoded.offsets))
        known = FIRST_WORD + len(self.encoder.words)
        tokens = torch.where(words.ids < known, words.ids, UNKNOWN)
        longest = int(words.offsets.diff().max())
        if self.network.ngrams is None:
            return Batch(tokens, words.offsets, longest)
        word_ngrams = Csr(torch.from_numpy(encoded.word_ngrams).long(), torch.from_numpy(encoded.word_ngram_offsets))
        weights = self._weights
        if self._precomputed:
            new = Csr(
                torch.from_numpy(encoded.new_char_ngrams).long(), torch.from_numpy(encoded.new_char_ngram_offsets)
            )
            listed, squares = new, torch.cat([self._squares, squares_of(new, weights)])
        else:
            words, listed = self._all_char_ngrams(encoded)
            squares = squares_of(listed, weights)
        ngrams = BatchNgrams(
            words.ids, listed.ids, listed.offsets, weights[listed.ids],
            word_ngrams.ids, word_ngrams.offsets, weights[word_ngrams.ids],
            scales_of(words, squares, word_ngrams, weights),
        )  # fmt: skip
        return Batch(tokens, words.offsets, longest, ngrams)

    def _all_char_ngrams(self, encoded: Encoded) -> tuple[Csr, Csr]:
        """The position of each token's word among the distinct words, and the n-grams within each distinct word."""
        distinct, places = np.unique(encoded.tokens, return_inverse=True)
        known = distinct[distinct < FIRST_WORD + len(self.encoder.words)] - FIRST_WORD
        ids, offsets = self.encoder.char_ngrams_of([self.encoder.words[word] for word in known.tolist()])
        # New words follow those of the vocabulary, in the order of their ids.
        every = np.concatenate((ids, encoded.new_char_ngrams))
        ends = np.concatenate((offsets, offsets[-1] + encoded.new_char_ngram_offsets[1:]))
        words = Csr(torch.from_numpy(places.astype(np.int64)), torch.from_numpy(encoded.offsets))
        return words, Csr(torch.from_numpy(every).long(), torch.from_numpy(ends))


class TwoStepClassifier(Protocol[Batched]):
    """Classifies in two steps, of which classifiers with the same encoder can share the first."""

    categories: list[str]

    def batch_of(self, titles: Sequence[str]) -> Batched:
        """Encode raw titles for `predict`."""

    def predict(self, batch: Batched) -> Tensor:
        """Probabilities (titles, categories)."""

    def unknown_words(self, batch: Batched) -> Tensor:
        """The fraction of each title's words that are not in the vocabulary, shape (titles,)."""


def probabilities_of(classifier: TwoStepClassifier[Batched], titles: Sequence[str]) -> NDArray[np.float32]:
    """Raw titles -> (titles, categories), computed batch by batch."""
    result = np.empty((len(titles), len(classifier.categories)), dtype=np.float32)
    for low, predicted in _predictions(classifier, titles):
        result[low : low + len(predicted)] = predicted.numpy()
    return result


def ranked_by(
    classifier: TwoStepClassifier[Batched], titles: Sequence[str], top: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The `top` largest probabilities of each title, largest first: positions and values, (titles, top) each.

    There are fewer columns if there are fewer than `top` categories.
    """
    width = min(top, len(classifier.categories))
    positions = np.empty((len(titles), width), dtype=np.int64)
    probabilities = np.empty((len(titles), width), dtype=np.float32)
    for low, predicted in _predictions(classifier, titles):
        best = predicted.topk(width, dim=1)
        positions[low : low + len(predicted)] = best.indices.numpy()
        probabilities[low : low + len(predicted)] = best.values.numpy()
    return positions, probabilities


def scored_by(
    classifier: TwoStepClassifier[Batched], titles: Sequence[str], labels: NDArray[np.int64], top: int
) -> Scored:
    """Raw titles and their categories, as positions in `classifier.categories` or -1, shape (titles,) -> see Scored."""
    width = min(top, len(classifier.categories))
    positions = np.empty((len(titles), width), dtype=np.int64)
    probabilities = np.empty((len(titles), width), dtype=np.float32)
    of_true, unknown = np.empty(len(titles), np.float32), np.empty(len(titles), np.float32)
    for low in range(0, len(titles), BATCH_SIZE):
        part = slice(low, low + BATCH_SIZE)
        batch = classifier.batch_of(titles[part])
        predicted = classifier.predict(batch)
        best, true = predicted.topk(width, dim=1), torch.from_numpy(labels[part])
        positions[part], probabilities[part] = best.indices.numpy(), best.values.numpy()
        chosen = predicted.gather(1, true.clamp(min=0)[:, None])[:, 0]
        of_true[part] = torch.where(true >= 0, chosen, 0.0).numpy()
        unknown[part] = classifier.unknown_words(batch).numpy()
    return Scored(positions, probabilities, of_true, unknown)


def _predictions(classifier: TwoStepClassifier[Batched], titles: Sequence[str]) -> Iterator[tuple[int, Tensor]]:
    """Yield (position of the first title, probabilities) for each batch."""
    for low in range(0, len(titles), BATCH_SIZE):
        yield low, classifier.predict(classifier.batch_of(titles[low : low + BATCH_SIZE]))
