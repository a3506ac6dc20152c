"""Some titles on a device, flat (CSR): the ids of all titles in a row, and where each title starts."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Some titles on the device. Offsets have B + 1 entries, the first 0; ids are int64."""

    tokens: Tensor
    offsets: Tensor
    longest: int
    ngrams: Tensor | None = None
    ngram_offsets: Tensor | None = None
    ngram_values: Tensor | None = None
