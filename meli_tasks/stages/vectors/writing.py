"""Writes an entry of the vector cache. Apart from `entry`, whose users need not import these libraries."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from meli_tasks.core.errors import BadData
from meli_tasks.stages.files.npy_writer import GrowingArray
from meli_tasks.stages.vectors.binary import binary_blocks
from meli_tasks.stages.vectors.entry import (
    ENDS,
    ENTRY,
    FORMAT,
    SUMS,
    VECTORS,
    WORDS,
    Entry,
    describe_files,
    row_sums,
)
from meli_tasks.stages.vectors.file import Block, Header, read_header
from meli_tasks.stages.vectors.text import text_blocks
from meli_tasks.wording import count


def write_entry(file: Path, folder: Path, report: Callable[[int, int], None]) -> Entry:
    """Read a word2vec file into `folder`, which exists and is empty. Calls `report(words, of)` from time to time.

    Raises:
        BadData: it is not a word2vec file, or not complete; the message has the line or the word.
    """
    header = read_header(file)
    blocks = (text_blocks if header.text else binary_blocks)(file, header)
    words, distinct = _write_blocks(blocks, header, folder, report)
    if words != header.words:
        raise BadData(
            f"{file}: its first line announces {count(header.words, 'word')}, but it contains {words:,}: "
            "the file was truncated or changed"
        )
    entry = Entry(header.words, header.dimensions, header.text, words - distinct)
    about = {"format": FORMAT, **asdict(entry), "files": describe_files(folder)}
    (folder / ENTRY).write_text(json.dumps(about, indent=2), encoding="utf-8")
    return entry


def _write_blocks(
    blocks: Iterator[Block], header: Header, folder: Path, report: Callable[[int, int], None]
) -> tuple[int, int]:
    """Write words and vectors: (words, distinct words).

    By plain writes, because a mapped array counts as memory. Distinct words are counted by 64-bit hashes: the number is
    only reported.
    """
    hashes: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    total, end = 0, 0
    with (
        (folder / VECTORS).open("wb") as vectors,
        (folder / WORDS).open("wb") as words,
        GrowingArray(folder / ENDS, np.int64) as ends,
        GrowingArray(folder / SUMS, np.uint32) as sums,
    ):
        shape = (header.words, header.dimensions)
        npy.write_array_header_1_0(vectors, {"descr": "<f4", "fortran_order": False, "shape": shape})
        for block in blocks:
            vectors.write(block.vectors.data)
            sums.append(row_sums(block.vectors))
            words.write(b"".join(block.words))
            ends.append(end + np.cumsum([len(word) for word in block.words], dtype=np.int64))
            hashes.append(np.array([hash(word) for word in block.words], dtype=np.int64))
            end += sum(map(len, block.words))
            total += len(block.words)
            report(total, header.words)
    return total, len(np.unique(np.concatenate(hashes)))
