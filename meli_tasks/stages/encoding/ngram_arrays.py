"""The n-grams of encoded titles as arrays on disk: those within each word once, those of several words by title.

ngrams.txt (an n-gram a line) and ngram_weights.npy; word_ngrams.npy and word_ngram_offsets.npy, ragged rows by word id,
also for the words outside the vocabulary; `<split>.phrases.npy` and `<split>.phrase_offsets.npy`, ragged rows by title.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.text.encoder import Encoder
from meli_tasks.stages.files.npy_writer import GrowingArray

TITLES_A_CHUNK = 262_144


def read_tokens(folder: Path, split: str) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The word ids of a split's titles as ragged rows, memory-mapped."""
    offsets: NDArray[np.int64] = np.load(folder / f"{split}.offsets.npy", mmap_mode="r")
    tokens: NDArray[np.int32] = np.load(folder / f"{split}.tokens.npy", mmap_mode="r")
    return tokens, offsets


def write_ngrams(out: Path, encoder: Encoder, words: Sequence[str], splits: Sequence[str]) -> None:
    """Writes the arrays, from the splits' tokens. `words`: all that have an id from 2 on, the vocabulary first."""
    values, offsets = encoder.ngrams_of(["", "", *words])
    np.save(out / "word_ngrams.npy", values)
    np.save(out / "word_ngram_offsets.npy", offsets)
    (out / "ngrams.txt").write_text("".join(f"{ngram}\n" for ngram in encoder.ngrams), encoding="utf-8", newline="\n")
    np.save(out / "ngram_weights.npy", encoder.ngram_weights)
    for split in splits:
        _write_phrases(out, split, encoder)


def _write_phrases(out: Path, split: str, encoder: Encoder) -> None:
    tokens, offsets = read_tokens(out, split)
    with ExitStack() as opened:
        phrases = opened.enter_context(GrowingArray(out / f"{split}.phrases.npy", np.int32))
        ends = opened.enter_context(GrowingArray(out / f"{split}.phrase_offsets.npy", np.int64))
        ends.append(np.zeros(1, dtype=np.int64))
        for low in range(0, len(offsets) - 1, TITLES_A_CHUNK):
            bounds = offsets[low : low + TITLES_A_CHUNK + 1]
            found, ends_here = encoder.find_phrases(tokens[bounds[0] : bounds[-1]], bounds - bounds[0])
            ends.append(ends_here[1:] + phrases.length)
            phrases.append(found)
