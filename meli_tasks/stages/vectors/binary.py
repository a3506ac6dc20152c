"""Binary word2vec files: a word, a space, little-endian float32 numbers, and in some files a line break."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from meli_tasks.core.errors import BadData
from meli_tasks.stages.vectors.file import Block, Header, pieces

MAX_WORD_LENGTH = 1 << 20  # bytes


def binary_blocks(path: Path, header: Header) -> Iterator[Block]:
    """Yield the records of a binary file, thousands at a time.

    Raises:
        BadData: the file ends within a record, or continues after the last; the message has the number of the word.
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
            raise BadData(f"{path}: the file continues after the {header.words:,} words of its first line")
        if len(held) > size + MAX_WORD_LENGTH:
            raise BadData(f"{path}, word {count + 1:,} of {header.words:,}: no space within {MAX_WORD_LENGTH:,} bytes")
    if count < header.words:
        raise BadData(f"{path}, word {count + 1:,} of {header.words:,}: the file ends within this word")
