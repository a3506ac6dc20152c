"""A trained model from raw title to ranked categories."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from meli_tasks.core.encoded_titles import EncodedTitles
from meli_tasks.core.networks import TitleNetwork
from meli_tasks.core.text import Encoder

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

    @torch.inference_mode()
    def probabilities(self, titles: Sequence[str]) -> NDArray[np.float32]:
        """Raw titles -> (titles, categories); each row sums to 1. A title without a known word gets the prior."""
        device = self.network.out.weight.device
        result = np.empty((len(titles), len(self.categories)), dtype=np.float32)
        for low in range(0, len(titles), TITLES_A_BATCH):
            encoded = self._encode(titles[low : low + TITLES_A_BATCH], str(device))
            for rows, batch in encoded.batches(torch.arange(len(encoded), device=device), TITLES_A_BATCH):
                answer = torch.softmax(self.network(batch).float(), dim=1)
                result[low : low + len(rows)] = answer.cpu().numpy()
        return result

    def rank(self, titles: Sequence[str], top: int = 5) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Raw titles -> the `top` likeliest categories, best first: positions and probabilities, (titles, top) each.

        With fewer categories than `top` there are that many columns.
        """
        indices, probabilities = [], []
        for low in range(0, len(titles), TITLES_A_BATCH):
            answer = torch.from_numpy(self.probabilities(titles[low : low + TITLES_A_BATCH]))
            best = answer.topk(min(top, len(self.categories)), dim=1)
            indices.append(best.indices.numpy())
            probabilities.append(best.values.numpy())
        if not indices:
            width = min(top, len(self.categories))
            return np.empty((0, width), dtype=np.int64), np.empty((0, width), dtype=np.float32)
        return np.concatenate(indices), np.concatenate(probabilities)

    def _encode(self, titles: Sequence[str], device: str) -> EncodedTitles:
        encoded = self.encoder.encode(titles)
        ngrams = None
        if self.network.ngrams is not None:
            ngrams = (encoded.ngrams, encoded.ngram_offsets, encoded.ngram_values)
        return EncodedTitles.from_arrays((encoded.tokens, encoded.offsets), ngrams, device=device)
