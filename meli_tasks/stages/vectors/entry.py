"""An entry of the vector cache: the vectors of one word2vec file as an array on disk, with its words.

vectors.npy holds float32 (words, dimensions) in the order of the file and row_sums.npy the sum of the bits of each row;
words.bin holds the bytes of all words and word_ends.npy where each ends; entry.json, written last, describes the other
files. The array is memory-mapped, so opening an entry of a gigabyte costs only what is read from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.errors import BadData, Unreachable
from meli_tasks.core.text.splits import normalise

FORMAT = 1  # raise it when the files of an entry change
VECTORS, SUMS, WORDS, ENDS, ENTRY = "vectors.npy", "row_sums.npy", "words.bin", "word_ends.npy", "entry.json"
TAKEN_AT_ONCE = 4_096  # rows


@dataclass(frozen=True)
class Entry:
    """The content of an entry. `repeated`: words that occurred earlier in the file; their first vector is used."""

    words: int
    dimensions: int
    text: bool
    repeated: int


def read_entry(folder: Path) -> Entry | None:
    """Read the entry in a folder; None if there is none, or its files have changed."""
    try:
        about = json.loads((folder / ENTRY).read_text(encoding="utf-8"))
        whole = about.pop("format") == FORMAT and about.pop("files") == describe_files(folder)
        return Entry(**about) if whole else None
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None


def take_vectors(folder: Path, wanted: Sequence[str], into: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Write the vector of each wanted word that the entry contains to its row of `into` (len(wanted), dimensions).

    Words are compared exactly. Returns which words have a vector, (len(wanted),).

    Raises:
        BadData: the vector of a wanted word contains a number that is not finite.
        Unreachable: a row has changed since it was written. The entry is discarded; the next run creates it again.
    """
    has_vector = np.zeros(len(wanted), dtype=np.bool_)
    places, rows = _find(folder, wanted)
    sums = np.load(folder / SUMS)[rows]
    for low in range(0, len(rows), TAKEN_AT_ONCE):
        some = slice(low, low + TAKEN_AT_ONCE)
        # Mapped again each time, because pages that were read count as memory until they are unmapped.
        taken = np.load(folder / VECTORS, mmap_mode="r")[rows[some]]
        if not np.array_equal(row_sums(taken), sums[some]):
            (folder / ENTRY).unlink(missing_ok=True)
            raise Unreachable(
                f"{folder / VECTORS} has changed since it was written, and has been discarded. Run again: the file of "
                "word vectors will be read again."
            )
        into[places[some]] = taken
    has_vector[places] = True
    if not np.isfinite(into[places]).all():
        bad = next(wanted[place] for place in places if not np.isfinite(into[place]).all())
        raise BadData(f"the vector of '{bad}' contains a number that is not finite")
    return has_vector


def has_similar_word(folder: Path, wanted: Sequence[str]) -> NDArray[np.bool_]:
    """Which wanted words the entry contains if case and accents are ignored, (len(wanted),).

    It takes a second per million words, so it only explains why few words were found.
    """
    words, ends = (folder / WORDS).read_bytes(), np.load(folder / ENDS).tolist()
    plain = normalise([words[begin:end].decode("utf-8", "replace") for begin, end in pairwise([0, *ends])])
    known = set(plain)
    return np.fromiter((word in known for word in normalise(wanted)), np.bool_, len(wanted))


def row_sums(vectors: NDArray[np.float32]) -> NDArray[np.uint32]:
    """A checksum for each row, which detects pages that the disk lost or another process wrote."""
    sums: NDArray[np.uint32] = np.add.reduce(np.ascontiguousarray(vectors).view(np.uint32), axis=1, dtype=np.uint32)
    return sums


def describe_files(folder: Path) -> dict[str, int | str]:
    """The files of an entry: the size of the array and the hashes of the others."""
    found: dict[str, int | str] = {VECTORS: (folder / VECTORS).stat().st_size}
    for name in (SUMS, WORDS, ENDS):
        with (folder / name).open("rb") as file:
            found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _find(folder: Path, wanted: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For the wanted words in the entry: their positions in `wanted` and their rows in the array, rows ascending."""
    places = {word.encode(): place for place, word in enumerate(wanted)}
    words, ends = (folder / WORDS).read_bytes(), np.load(folder / ENDS).tolist()
    found: dict[int, int] = {}
    for row, (begin, end) in enumerate(pairwise([0, *ends])):
        place = places.get(words[begin:end])
        if place is not None:
            found.setdefault(place, row)
    return np.array([*found], dtype=np.int64), np.array([*found.values()], dtype=np.int64)
