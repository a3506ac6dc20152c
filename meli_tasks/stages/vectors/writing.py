"""Writes an entry of the vault. Apart from reading one: its libraries take longer to import than an entry to open."""

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


def write_entry(file: Path, folder: Path, report: Callable[[int, int], None]) -> Entry:
    """Read a word2vec file into `folder`, which exists and is empty. `report(words, of)` now and then.

    Raises:
        BadData: the file is no word2vec file, or not whole; the message names the line or the word.
    """
    header = read_header(file)
    blocks = (text_blocks if header.text else binary_blocks)(file, header)
    count, different = _write_blocks(blocks, header, folder, report)
    if count != header.words:
        raise BadData(
            f"{file}: its first line promises {header.words:,} words, but it holds {count:,}: "
            "the file was cut or changed"
        )
    entry = Entry(header.words, header.dimensions, header.text, count - different)
    about = {"format": FORMAT, **asdict(entry), "files": describe_files(folder)}
    (folder / ENTRY).write_text(json.dumps(about, indent=2), encoding="utf-8")
    return entry


def _write_blocks(
    blocks: Iterator[Block], header: Header, folder: Path, report: Callable[[int, int], None]
) -> tuple[int, int]:
    """Writes words and vectors as they come: (words, different ones).

    By plain writes: a mapped array counts as memory. Words are told apart by 64 bits of hash, as nothing hangs on it.
    """
    hashes: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    count, end = 0, 0
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
            count += len(block.words)
            report(count, header.words)
    return count, len(np.unique(np.concatenate(hashes)))
