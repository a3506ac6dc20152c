"""word2vec files, text or binary, optionally compressed by gzip or bzip2: their header, and the rest in large pieces.

The format is detected from the first bytes, not from the file name. While the caller processes a piece, a second thread
decompresses the next: gzip uses one core only.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from meli_tasks.core.errors import BadData
from meli_tasks.rowfiles.formats import OtherFormat, is_web_page, other_format

PIECE = 4 << 20  # bytes
LONGEST_HEADER = 1_000  # bytes
SNIFFED = 4_096  # bytes after the header that tell text from floats
MAX_DIMENSIONS = 10_000


_NUMBER = re.compile(rb"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan|inf(?:inity)?)", re.IGNORECASE)


@dataclass(frozen=True)
class Header:
    """The first line: the number of words and of dimensions; and whether the rest is text."""

    words: int
    dimensions: int
    text: bool


@dataclass(frozen=True)
class Block:
    """Consecutive records: the bytes of the words (n), as in the file, and their vectors float32 (n, dimensions)."""

    words: list[bytes]
    vectors: NDArray[np.float32]


def read_header(path: Path) -> Header:
    """Read the header of a file.

    Raises:
        BadData: it is not a word2vec file.
    """
    with _decompressed(path) as file:
        start = file.read(LONGEST_HEADER + SNIFFED)
    _refuse_other_formats(path, start)
    line, end, rest = start.partition(b"\n")
    try:
        words, dimensions = (int(field) for field in line.removeprefix(codecs.BOM_UTF8).split())
    except ValueError:
        words, dimensions = -1, -1
    if words < 0 or not 1 <= dimensions <= MAX_DIMENSIONS or not end or len(line) > LONGEST_HEADER:
        numbers = line.rstrip(b" \r").split(b" ")[1:]
        hint = (
            f". If this is a file of GloVe, which has no such line, put the line `WORDS {len(numbers)}` above it"
            if len(numbers) > 1 and all(map(_NUMBER.fullmatch, numbers))
            else ""
        )
        raise BadData(
            f"{path}, line 1: a word2vec file starts with two whole numbers, words and dimensions (at most "
            f"{MAX_DIMENSIONS:,}), not {excerpt(line)}{hint}"
        )
    return Header(words, dimensions, _is_text(rest[:SNIFFED], dimensions))


def _refuse_other_formats(path: Path, start: bytes) -> None:
    other = other_format(start)
    if other is None and start.startswith(b"PAR1"):
        other = OtherFormat("a Parquet file", "", "save the vectors in word2vec format")
    if other:
        raise BadData(f"{path}: this is {other.what}, not a file in word2vec format: {other.for_vectors}.")
    if is_web_page(start):
        raise BadData(f"{path}: this is a web page or XML, not word vectors. Does its address lead to a sign-in page?")


def pieces(path: Path, size: int = PIECE) -> Iterator[bytes]:
    """Yield what follows the first line, decompressed, `size` bytes at a time.

    Raises:
        BadData: the file cannot be decompressed to its end.
    """
    with _decompressed(path) as file, ThreadPoolExecutor(1) as thread:
        piece = file.read(max(size, LONGEST_HEADER + 1))
        rest = piece[piece.find(b"\n") + 1 :]
        while piece:
            pending = thread.submit(file.read, size)
            yield rest
            rest = piece = pending.result()


def excerpt(line: bytes, length: int = 60) -> str:
    """The start of a line, for an error message."""
    return repr(line[:length].decode("utf-8", "replace"))


@contextmanager
def _decompressed(path: Path) -> Iterator[pa.NativeFile]:
    """Open a file for reading its decompressed bytes. A damaged file becomes BadData."""
    with path.open("rb") as file:
        magic = file.read(3)
    compression = "gzip" if magic[:2] == b"\x1f\x8b" else "bz2" if magic == b"BZh" else None
    with (
        pa.OSFile(str(path), "rb") as raw,
        pa.CompressedInputStream(raw, compression) if compression else raw as stream,
    ):
        try:
            yield stream
        except OSError as error:
            if error.errno is not None:  # an error of the disk, not of the decompression
                raise
            raise BadData(f"{path} cannot be decompressed to its end ({error}). Download it again.") from error


def _is_text(data: bytes, dimensions: int) -> bool:
    """Whether these bytes, which follow the first line, are text: numbers in digits stand behind the first word.

    The word itself may hold anything, a zero byte or half a letter too. If other things than numbers follow it, the
    line is malformed or the word holds a space; then text has no control bytes and is UTF-8, which float32 numbers
    hardly ever are.
    """
    line, end, _ = data.partition(b"\n")
    numbers = line.rstrip(b" \r").split(b" ")[1:]
    if not end:
        numbers = numbers[:-1]  # it may be incomplete
    if numbers and (not end or len(numbers) == dimensions) and all(map(_NUMBER.fullmatch, numbers)):
        return True
    if any(byte < 32 and byte not in b"\t\r\n" for byte in data):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)  # incremental, because the last letter may be incomplete
        return True
    except UnicodeDecodeError:
        return False
