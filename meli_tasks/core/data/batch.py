"""Some titles on a device, flat (CSR): the ids of all titles in a row, and where each title starts."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class WordNgrams:
    """The n-grams of a batch, those within words once a word. Ids are int64, weights float32.

    Word u of the batch owns ids[offsets[u]:offsets[u + 1]], weights likewise; `places` (T,) says which word each of the
    batch's T tokens is. Title b owns phrases[phrase_offsets[b]:phrase_offsets[b + 1]]. A title's n-grams, each times
    its weight, times the title's scale (B,) have length 1. For a network with baked words only the words outside the
    vocabulary are listed here, and places count the vocabulary's words first.
    """

    places: Tensor
    ids: Tensor
    offsets: Tensor
    weights: Tensor
    phrases: Tensor
    phrase_offsets: Tensor
    phrase_weights: Tensor
    scales: Tensor


@dataclass(frozen=True)
class Batch:
    """Some titles on the device. Offsets have B + 1 entries, the first 0; ids are int64."""

    tokens: Tensor
    offsets: Tensor
    longest: int
    ngrams: WordNgrams | None = None
