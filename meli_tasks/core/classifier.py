"""A trained model from raw title to ranked categories."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from meli_tasks.core.batch import Batch, WordNgrams
from meli_tasks.core.encoded_titles import Csr, scales_of, squares_of
from meli_tasks.core.networks import TitleNetwork
from meli_tasks.core.text import FIRST_WORD, UNKNOWN, Encoded, Encoder

TITLES_A_BATCH = 1024


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
        network.bake()
        if network.ngrams is not None:
            # The words' n-grams are added up once, not for every title that has the word.
            by_word = Csr.of(encoder.ngrams_of_vocabulary(), "cpu")
            self._weights = torch.from_numpy(encoder.ngram_weights)
            self._squares = squares_of(by_word, self._weights)
            network.ngrams.bake(by_word.ids, by_word.offsets, self._weights[by_word.ids])

    def probabilities(self, titles: Sequence[str]) -> NDArray[np.float32]:
        """Raw titles -> (titles, categories); each row sums to 1. A title without a known word gets the prior."""
        return probabilities_of(self._answer, titles, len(self.categories))

    def rank(self, titles: Sequence[str], top: int = 5) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Raw titles -> the `top` likeliest categories, best first: positions and probabilities, (titles, top) each.

        With fewer categories than `top` there are that many columns.
        """
        return ranked_by(self._answer, titles, min(top, len(self.categories)))

    def knows(self, title: str) -> bool:
        """Whether a word or an n-gram of the title is in the vocabulary; all others get the same answer."""
        return self.encoder.knows(title)

    @torch.inference_mode()
    def answer(self, encoded: Encoded, sharpness: float = 1.0) -> Tensor:
        """Encoded titles (a batch of them: all at once) -> probabilities (titles, categories).

        `sharpness`: a power that they are taken to, after which each row sums to 1 again.
        """
        if not len(encoded):
            return torch.empty(0, len(self.categories))
        return torch.softmax(self.network(self._batch(encoded)).float() * sharpness, dim=1)

    def _answer(self, titles: Sequence[str]) -> Tensor:
        return self.answer(self.encoder.encode(titles))

    def _batch(self, encoded: Encoded) -> Batch:
        words = Csr(torch.from_numpy(encoded.tokens).long(), torch.from_numpy(encoded.offsets))
        known = FIRST_WORD + len(self.encoder.words)
        tokens = torch.where(words.ids < known, words.ids, UNKNOWN)
        longest = int(words.offsets.diff().max())
        if self.network.ngrams is None:
            return Batch(tokens, words.offsets, longest)
        new = Csr(torch.from_numpy(encoded.new_ngrams).long(), torch.from_numpy(encoded.new_offsets))
        phrases = Csr(torch.from_numpy(encoded.phrases).long(), torch.from_numpy(encoded.phrase_offsets))
        weights = self._weights
        squares = torch.cat([self._squares, squares_of(new, weights)])
        ngrams = WordNgrams(
            words.ids, new.ids, new.offsets, weights[new.ids], phrases.ids, phrases.offsets, weights[phrases.ids],
            scales_of(words, squares, phrases, weights),
        )  # fmt: skip
        return Batch(tokens, words.offsets, longest, ngrams)


def probabilities_of(
    answer: Callable[[Sequence[str]], Tensor], titles: Sequence[str], categories: int
) -> NDArray[np.float32]:
    """What `answer` gives for some titles (some, categories), asked batch by batch, for all of them."""
    result = np.empty((len(titles), categories), dtype=np.float32)
    for low in range(0, len(titles), TITLES_A_BATCH):
        some = titles[low : low + TITLES_A_BATCH]
        result[low : low + len(some)] = answer(some).numpy()
    return result


def ranked_by(
    answer: Callable[[Sequence[str]], Tensor], titles: Sequence[str], width: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The `width` largest of what `answer` gives for each title, largest first: positions and values."""
    positions = np.empty((len(titles), width), dtype=np.int64)
    probabilities = np.empty((len(titles), width), dtype=np.float32)
    for low in range(0, len(titles), TITLES_A_BATCH):
        some = titles[low : low + TITLES_A_BATCH]
        best = answer(some).topk(width, dim=1)
        positions[low : low + len(some)] = best.indices.numpy()
        probabilities[low : low + len(some)] = best.values.numpy()
    return positions, probabilities
