"""Reads the vectors of wanted words from a word2vec-format file: text or binary, plain, gzipped or bzip2.

The file is read once, record by record, and only wanted rows are kept, so a file of many gigabytes needs the memory of
the vocabulary. Nothing goes by the file's name: what it is, its first bytes tell.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.errors import BadData

LONGEST_HEADER = 1_000  # bytes
SNIFFED = 4_096  # bytes after the header that tell text from floats
BUFFER = 1 << 20
REPORT_EVERY = 100_000  # records


@dataclass(frozen=True)
class Header:
    """The first line: how many words, of how many dimensions; and whether what follows is text."""

    words: int
    dimensions: int
    text: bool


def read_header(path: Path) -> Header:
    """What the file says it holds. BadData when it is not a word2vec file."""
    with _reading(path) as file:
        line = file.readline(LONGEST_HEADER)
        fields = line.split()
        try:
            words, dimensions = (int(field) for field in fields)
        except ValueError:
            words, dimensions = -1, -1
        if words < 0 or dimensions < 1 or not line.endswith(b"\n"):
            raise BadData(
                f"{path}, line 1: a word2vec file starts with two whole numbers, words and dimensions; "
                f"seen {_shown(line)}"
            )
        return Header(words, dimensions, _is_text(file.read(SNIFFED)))


def read_vectors(
    path: Path, wanted: Mapping[str, int], into: NDArray[np.float32], report: Callable[[int, int], None]
) -> NDArray[np.bool_]:
    """Writes the vector of each wanted word to its row of `into`; returns which rows (len(into)) were written.

    Words are compared exactly. Of a word that comes twice, the first counts. `report(records, of)` now and then.
    Raises BadData, naming the line or record, for a vector of another length, a number that is none, or a cut file.
    """
    header = read_header(path)
    rows = {word.encode(): row for word, row in wanted.items()}
    written = np.zeros(len(into), dtype=np.bool_)
    with _reading(path) as file:
        file.readline(LONGEST_HEADER)
        records = (_text_records if header.text else _binary_records)(file, header, path)
        count = 0
        for word, values in records:
            count += 1
            row = rows.get(word)
            if row is not None and not written[row]:
                into[row] = values()
                written[row] = True
            if count % REPORT_EVERY == 0:
                report(count, header.words)
    if count != header.words:
        raise BadData(
            f"{path}: its first line promises {header.words:,} words, but it holds {count:,}: "
            "the file was cut or changed"
        )
    if not np.isfinite(into[written]).all():
        bad = next(word for word, row in wanted.items() if written[row] and not np.isfinite(into[row]).all())
        raise BadData(f"{path}: the vector of '{bad}' holds a number that is not finite")
    return written


@contextmanager
def _reading(path: Path) -> Iterator[io.BufferedReader]:
    """The file's bytes, unpacked; what goes wrong in unpacking becomes BadData."""
    with path.open("rb", buffering=0) as raw:
        magic = raw.read(3)
        raw.seek(0)
        unpacked: Any = raw
        if magic[:2] == b"\x1f\x8b":
            unpacked = gzip.GzipFile(fileobj=raw)
        elif magic == b"BZh":
            unpacked = bz2.BZ2File(raw)
        try:
            with io.BufferedReader(unpacked, BUFFER) as file:
                yield file
        except (EOFError, OSError, zlib.error) as error:
            raise BadData(f"{path} cannot be unpacked to its end ({error}): download it again") from error


Record = tuple[bytes, Callable[[], NDArray[np.float32]]]


def _text_records(file: io.BufferedReader, header: Header, path: Path) -> Iterator[Record]:
    """A line a word: the word, then its numbers. Numbers are parsed only when the caller wants them."""

    def values() -> NDArray[np.float32]:
        try:
            return np.array([float(number) for number in numbers.split(b" ")], dtype=np.float32)
        except ValueError as error:
            raise BadData(f"{path}, line {number_of_line:,}: {error}") from error

    for number_of_line, line in enumerate(file, start=2):
        word, _, numbers = line.rstrip(b" \r\n").partition(b" ")
        seen = numbers.count(b" ") + 1 if numbers else 0
        if seen != header.dimensions:
            raise BadData(
                f"{path}, line {number_of_line:,}: {header.dimensions} numbers should follow the word, as line 1 says; "
                f"seen {seen}: {_shown(line)}"
            )
        yield word, values


def _binary_records(file: io.BufferedReader, header: Header, path: Path) -> Iterator[Record]:
    """The word, a space, then float32 numbers, little-endian; some writers end a record with a line break."""
    size = 4 * header.dimensions
    held, start = b"", 0

    def values() -> NDArray[np.float32]:
        return np.frombuffer(held, dtype="<f4", count=header.dimensions, offset=space + 1)

    for number in range(1, header.words + 1):
        space = held.find(b" ", start)
        while space < 0 or len(held) < space + 1 + size:
            more = file.read(BUFFER)
            if not more:
                raise BadData(f"{path}, word {number:,} of {header.words:,}: the file ends within it")
            held, start = held[start:] + more, 0
            space = held.find(b" ")
        yield held[start:space].lstrip(b"\n"), values
        start = space + 1 + size
    if (held[start:] + file.read(BUFFER)).strip():
        raise BadData(f"{path}: more follows the {header.words:,} words that its first line promises")


def _is_text(data: bytes) -> bool:
    """Whether these bytes are text: float32 numbers next to always hold control bytes or break UTF-8."""
    if any(byte < 32 and byte not in b"\t\r\n" for byte in data):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)  # incremental: the last letter may be cut
    except UnicodeDecodeError:
        return False
    return True


def _shown(line: bytes, most: int = 60) -> str:
    return repr(line[:most].decode("utf-8", "replace"))
