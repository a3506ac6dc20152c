"""A trained model from raw title to ranked categories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from meli_tasks.core.data.batch import Batch, BatchNgrams
from meli_tasks.core.data.encoded_titles import Csr, scales_of, squares_of
from meli_tasks.core.models.networks import TitleNetwork
from meli_tasks.core.text.encoder import FIRST_WORD, UNKNOWN, Encoder

TITLES_A_BATCH = 1024

Made = TypeVar("Made")


class TitleClassifier:
    """The encoder, the network and the names of its outputs, which belong together.

    Not for several threads at once: the n-gram memory of the encoder and the network's state are shared.
    """

    def __init__(self, encoder: Encoder, network: TitleNetwork, categories: Sequence[str]) -> None:
        if network.out.out_features != len(categories):
            raise ValueError(f"{network.out.out_features} outputs, but {len(categories)} categories")
        self.encoder = encoder
        self.network = network.eval()
        self.categories = list(categories)
        network.precompute()
        if network.ngrams is not None:
            # The words' n-grams are added up once, not for every title that has the word.
            char_ngrams = Csr.of(encoder.char_ngrams_of_vocabulary(), "cpu")
            self._weights = torch.from_numpy(encoder.ngram_weights)
            self._squares = squares_of(char_ngrams, self._weights)
            network.ngrams.precompute(char_ngrams.ids, char_ngrams.offsets, self._weights[char_ngrams.ids])

    def probabilities(self, titles: Sequence[str]) -> NDArray[np.float32]:
        """Raw titles -> (titles, categories); each row sums to 1. A title without a known word gets the prior."""
        return probabilities_of(self, titles)

    def rank(self, titles: Sequence[str], top: int = 5) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Raw titles -> the `top` likeliest categories, best first: positions and probabilities, (titles, top) each.

        With fewer categories than `top` there are that many columns.
        """
        return ranked_by(self, titles, top)

    def knows(self, title: str) -> bool:
        """Whether a word or an n-gram of the title is in the vocabulary; all others get the same answer."""
        return self.encoder.knows(title)

    @torch.inference_mode()
    def answer(self, batch: Batch, inverse_temperature: float = 1.0) -> Tensor:
        """What `batch_of` made of titles -> probabilities (titles, categories).

        `inverse_temperature`: a power that they are taken to, after which each row sums to 1 again.
        """
        logits = self.network(batch).float()
        return torch.softmax(logits if inverse_temperature == 1.0 else logits * inverse_temperature, dim=1)

    @torch.inference_mode()
    def batch_of(self, titles: Sequence[str]) -> Batch:
        """Raw titles, at least one, as the network takes them. Networks behind the same encoder take the same batch."""
        encoded = self.encoder.encode(titles)
        words = Csr(torch.from_numpy(encoded.tokens).long(), torch.from_numpy(encoded.offsets))
        known = FIRST_WORD + len(self.encoder.words)
        tokens = torch.where(words.ids < known, words.ids, UNKNOWN)
        longest = int(words.offsets.diff().max())
        if self.network.ngrams is None:
            return Batch(tokens, words.offsets, longest)
        new = Csr(torch.from_numpy(encoded.new_char_ngrams).long(), torch.from_numpy(encoded.new_char_ngram_offsets))
        word_ngrams = Csr(torch.from_numpy(encoded.word_ngrams).long(), torch.from_numpy(encoded.word_ngram_offsets))
        weights = self._weights
        squares = torch.cat([self._squares, squares_of(new, weights)])
        ngrams = BatchNgrams(
            words.ids, new.ids, new.offsets, weights[new.ids],
            word_ngrams.ids, word_ngrams.offsets, weights[word_ngrams.ids],
            scales_of(words, squares, word_ngrams, weights),
        )  # fmt: skip
        return Batch(tokens, words.offsets, longest, ngrams)


class Answering(Protocol[Made]):
    """Titles to probabilities in two steps, the first of which classifiers with the same encoder share."""

    categories: list[str]

    def batch_of(self, titles: Sequence[str]) -> Made:
        """What `answer` takes."""

    def answer(self, batch: Made) -> Tensor:
        """Probabilities (titles, categories)."""


def probabilities_of(classifier: Answering[Made], titles: Sequence[str]) -> NDArray[np.float32]:
    """Raw titles -> (titles, categories), worked out batch by batch."""
    result = np.empty((len(titles), len(classifier.categories)), dtype=np.float32)
    for low, answer in _answers(classifier, titles):
        result[low : low + len(answer)] = answer.numpy()
    return result


def ranked_by(
    classifier: Answering[Made], titles: Sequence[str], top: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The `top` largest probabilities of each title, largest first: positions and values, (titles, top) each.

    With fewer categories than `top` there are that many columns.
    """
    width = min(top, len(classifier.categories))
    positions = np.empty((len(titles), width), dtype=np.int64)
    probabilities = np.empty((len(titles), width), dtype=np.float32)
    for low, answer in _answers(classifier, titles):
        best = answer.topk(width, dim=1)
        positions[low : low + len(answer)] = best.indices.numpy()
        probabilities[low : low + len(answer)] = best.values.numpy()
    return positions, probabilities


def _answers(classifier: Answering[Made], titles: Sequence[str]) -> Iterator[tuple[int, Tensor]]:
    """(the first title's place, probabilities) after each other."""
    for low in range(0, len(titles), TITLES_A_BATCH):
        yield low, classifier.answer(classifier.batch_of(titles[low : low + TITLES_A_BATCH]))
