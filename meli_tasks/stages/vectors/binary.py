"""The binary form of word2vec files: a word, a space, float32 numbers, little-endian, in some files a line break."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from meli_tasks.core.errors import BadData
from meli_tasks.stages.vectors.file import Block, Header, pieces

LONGEST_WORD = 1 << 20  # bytes


def binary_blocks(path: Path, header: Header) -> Iterator[Block]:
    """The records of a binary file, some thousands at a time.

    Raises:
        BadData: the file ends within a record, or goes on after the last; by the word's number.
    """
    size = 4 * header.dimensions
    count, held = 0, b""
    for piece in pieces(path):
        held += piece
        words: list[bytes] = []
        records: list[bytes] = []
        start = 0
        while count + len(words) < header.words:
            space = held.find(b" ", start)
            end = space + 1 + size
            if space < 0 or end > len(held):
                break
            words.append(held[start:space].lstrip(b"\n"))
            records.append(held[space + 1 : end])
            start = end
        held = held[start:]
        if words:
            yield Block(words, np.frombuffer(b"".join(records), dtype="<f4").reshape(-1, header.dimensions))
            count += len(words)
        if count == header.words and held.strip():
            raise BadData(f"{path}: more follows the {header.words:,} words that its first line promises")
        if len(held) > size + LONGEST_WORD:
            raise BadData(f"{path}, word {count + 1:,} of {header.words:,}: no space in {LONGEST_WORD:,} bytes ends it")
    if count < header.words:
        raise BadData(f"{path}, word {count + 1:,} of {header.words:,}: the file ends within it")
