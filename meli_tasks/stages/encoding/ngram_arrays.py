"""The n-grams of encoded titles as arrays on disk: character n-grams by word, word n-grams by title.

ngrams.txt (one n-gram per line) and ngram_weights.npy; char_ngrams.npy and char_ngram_offsets.npy, ragged rows by word
id, including the words outside the vocabulary; `<split>.word_ngrams.npy` and `<split>.word_ngram_offsets.npy`, ragged
rows by title.
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

FORMER_ARRAYS = {
    "char_ngrams": "word_ngrams",
    "char_ngram_offsets": "word_ngram_offsets",
    **{f"{split}.word_ngrams": f"{split}.phrases" for split in ("train", "validation")},
    **{f"{split}.word_ngram_offsets": f"{split}.phrase_offsets" for split in ("train", "validation")},
}
"""The names of these arrays in artifacts written up to commit 468b5c0. Those artifacts keep their keys and are read."""


def array_path(folder: Path, name: str) -> Path:
    """The file of an array in a preprocess artifact: its current name or, if only that one exists, its former name."""
    current = folder / f"{name}.npy"
    former = folder / f"{FORMER_ARRAYS.get(name, name)}.npy"
    return former if former.exists() and not current.exists() else current


def read_tokens(folder: Path, split: str) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The word ids of the titles of a split, as memory-mapped ragged rows."""
    offsets: NDArray[np.int64] = np.load(folder / f"{split}.offsets.npy", mmap_mode="r")
    tokens: NDArray[np.int32] = np.load(folder / f"{split}.tokens.npy", mmap_mode="r")
    return tokens, offsets


def write_ngrams(out: Path, encoder: Encoder, words: Sequence[str], splits: Sequence[str]) -> None:
    """Write the arrays from the tokens of the splits. `words`: those of ids 2, 3, ..., the vocabulary first."""
    values, offsets = encoder.char_ngrams_of(["", "", *words])
    np.save(out / "char_ngrams.npy", values)
    np.save(out / "char_ngram_offsets.npy", offsets)
    (out / "ngrams.txt").write_text("".join(f"{ngram}\n" for ngram in encoder.ngrams), encoding="utf-8", newline="\n")
    np.save(out / "ngram_weights.npy", encoder.ngram_weights)
    for split in splits:
        _write_word_ngrams(out, split, encoder)


def _write_word_ngrams(out: Path, split: str, encoder: Encoder) -> None:
    tokens, offsets = read_tokens(out, split)
    with ExitStack() as opened:
        word_ngrams = opened.enter_context(GrowingArray(out / f"{split}.word_ngrams.npy", np.int32))
        ends = opened.enter_context(GrowingArray(out / f"{split}.word_ngram_offsets.npy", np.int64))
        ends.append(np.zeros(1, dtype=np.int64))
        for low in range(0, len(offsets) - 1, TITLES_A_CHUNK):
            bounds = offsets[low : low + TITLES_A_CHUNK + 1]
            found, ends_here = encoder.find_word_ngrams(tokens[bounds[0] : bounds[-1]], bounds - bounds[0])
            ends.append(ends_here[1:] + word_ngrams.length)
            word_ngrams.append(found)
