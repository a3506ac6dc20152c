"""word2vec files, text or binary, plain, gzipped or bzip2: their first line, and what follows it in large pieces.

Nothing goes by the file's name: what it is, its first bytes tell. While a piece is worked on, a second thread unpacks
the next: gzip runs on one core, and so does not hold up the other.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from meli_tasks.core.errors import BadData

PIECE = 4 << 20  # bytes
LONGEST_HEADER = 1_000  # bytes
SNIFFED = 4_096  # bytes after the header that tell text from floats
MOST_DIMENSIONS = 10_000


@dataclass(frozen=True)
class Header:
    """The first line: how many words, of how many dimensions; and whether what follows is text."""

    words: int
    dimensions: int
    text: bool


@dataclass(frozen=True)
class Block:
    """Consecutive records: the words' bytes (n), as the file has them, and their vectors float32 (n, dimensions)."""

    words: list[bytes]
    vectors: NDArray[np.float32]


def read_header(path: Path) -> Header:
    """What the file says it holds. BadData when it is not a word2vec file."""
    with _unpacked(path) as file:
        start = file.read(LONGEST_HEADER + SNIFFED)
    line, end, rest = start.partition(b"\n")
    try:
        words, dimensions = (int(field) for field in line.removeprefix(codecs.BOM_UTF8).split())
    except ValueError:
        words, dimensions = -1, -1
    if words < 0 or not 1 <= dimensions <= MOST_DIMENSIONS or not end or len(line) > LONGEST_HEADER:
        raise BadData(
            f"{path}, line 1: a word2vec file starts with two whole numbers, words and dimensions (at most "
            f"{MOST_DIMENSIONS:,}); seen {shown(line)}"
        )
    return Header(words, dimensions, _is_text(rest[:SNIFFED]))


def pieces(path: Path, size: int = PIECE) -> Iterator[bytes]:
    """What follows the first line, unpacked, `size` bytes at a time. BadData for what cannot be unpacked to its end."""
    with _unpacked(path) as file, ThreadPoolExecutor(1) as unpacking:
        piece = file.read(max(size, LONGEST_HEADER + 1))
        rest = piece[piece.find(b"\n") + 1 :]
        while piece:
            coming = unpacking.submit(file.read, size)
            yield rest
            rest = piece = coming.result()


def shown(line: bytes, most: int = 60) -> str:
    """The start of a line, for a message."""
    return repr(line[:most].decode("utf-8", "replace"))


@contextmanager
def _unpacked(path: Path) -> Iterator[pa.NativeFile]:
    """The file's bytes; what goes wrong in unpacking becomes BadData."""
    with path.open("rb") as file:
        magic = file.read(3)
    packing = "gzip" if magic[:2] == b"\x1f\x8b" else "bz2" if magic == b"BZh" else None
    with pa.OSFile(str(path), "rb") as raw, pa.CompressedInputStream(raw, packing) if packing else raw as stream:
        try:
            yield stream
        except OSError as error:
            if error.errno is not None:  # the disk's word, not the unpacking's
                raise
            raise BadData(f"{path} cannot be unpacked to its end ({error}): download it again") from error


def _is_text(data: bytes) -> bool:
    """Whether these bytes are text: float32 numbers next to always hold control bytes, or break UTF-8.

    So may a word that its tool cut within a letter; then a number in digits behind the first word tells.
    """
    if any(byte < 32 and byte not in b"\t\r\n" for byte in data):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)  # incremental: the last letter may be cut
        return True
    except UnicodeDecodeError:
        pass
    try:
        float(data.partition(b" ")[2].split(b" ", 1)[0])
        return True
    except ValueError:
        return False
