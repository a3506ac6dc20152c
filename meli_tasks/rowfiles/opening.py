"""A file as bytes, gzipped or not: gzip is recognised by its first bytes, whatever the file is called."""

from __future__ import annotations

import gzip
import io
import re
import stat
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from meli_tasks.core.errors import BadData
from meli_tasks.disk import passing
from meli_tasks.rowfiles.formats import is_web_page, other_format
from meli_tasks.rowfiles.limits import ReadingLimits
from meli_tasks.rowfiles.text import decode

LineEnd = Literal["\n", "\r"]
"""What ends a line; a carriage return before a line feed is part of the line."""

_GZIP = b"\x1f\x8b"
_BLOCK_BYTES = 4 << 20
_QUOTED = re.compile(rb'"(?:[^"]|"")*+(?:"|\Z)')
_LINE_BEFORE_CARRIAGE_RETURN = re.compile(rb'\s*+(?:"(?:[^"]|"")*+"|[^"\r\n])*+\r(?!\n|\Z)')
_BYTES_JUDGED = 1_000
# Bytes at random are control characters in 10 of 100 cases.
_MOST_CONTROLS, _MOST_CONTROLS_FRACTION = 2, 0.05
_NO_CONTROLS = bytes(byte for byte in range(256) if byte >= 0x20 or byte in b"\t\n\v\f\r\x1b")
# A longer line is no row of a table, and not worth the memory of finding its end.
_LONGEST_LINE_BYTES = 256 << 20


class NoRows(BadData):
    """The file holds nothing, not even a header. Among other files, a part without rows is no reason to stop."""


@dataclass
class ByteSource:
    """An open file: `read` returns its bytes, decompressed."""

    name: str
    raw: BinaryIO
    stream: BinaryIO
    size: int
    most_bytes: int = ReadingLimits.decompressed_bytes
    read_bytes: int = 0

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; none at the end of the file.

        Raises:
            BadData: the gzip file is damaged, or has more in it than may be read.
        """
        try:
            block = self.stream.read(size)
        except EOFError:
            raise BadData(
                f"{self.name}: the gzip file is incomplete: it stops after {self.read_bytes:,} bytes of text, as after "
                "an interrupted download or copy. Get the file again; `gzip -t` checks it."
            ) from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise BadData(
                f"{self.name}: the gzip file is damaged after {self.read_bytes:,} bytes of text ({error}). "
                "Get the file again; `gzip -t` checks it."
            ) from None
        self.read_bytes += len(block)
        if self.read_bytes > self.most_bytes:
            raise BadData(
                f"{self.name}: there are more than {self.most_bytes / 1e9:,.3g} GB in this file, and no more may be "
                "read (MELI_SOURCE_GB). Divide it, or raise the setting."
            )
        return block

    @property
    def gzipped(self) -> bool:
        """Whether the bytes are decompressed on the way."""
        return self.stream is not self.raw

    def seekable(self) -> BinaryIO:
        """The decompressed file, to read in any order; it is closed with this source.

        Raises:
            BadData: the gzip file is damaged.
        """
        if self.gzipped:
            unpacked = tempfile.TemporaryFile()  # noqa: SIM115 closed by `close`
            self.stream.seek(0)
            try:
                while block := self.read(_BLOCK_BYTES):
                    unpacked.write(block)
            finally:
                self.stream.close()
                self.stream = unpacked
            unpacked.seek(0)
        return self.stream

    def fraction_read(self) -> float:
        """How much of the file has been read, from 0 to 1."""
        return min(self.raw.tell() / self.size, 1.0) if self.size else 1.0

    def close(self) -> None:
        """Close the file."""
        self.stream.close()
        self.raw.close()


def open_bytes(path: Path, most_bytes: int = ReadingLimits.decompressed_bytes) -> ByteSource:
    """Open a file for reading.

    Raises:
        BadData: it is missing, unreadable or empty.
    """
    try:
        about = path.stat()
        if not (stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode)):  # to open a pipe is to wait for a writer
            raise BadData(f"{path} is a pipe or a device, and only files can be read. Write its rows to a file first.")
        raw, size = path.open("rb"), about.st_size
    except OSError as error:
        if temporary := passing(error, path):
            raise temporary from None
        # A path keeps one slash of s3://...
        remote = isinstance(error, FileNotFoundError) and re.match(r"[a-z0-9]{2,}:/", str(path))
        advice = (
            "Only files on this machine can be read: download it first."
            if remote
            else "Check the path and its permissions."
        )
        raise BadData(f"{path} cannot be read: {error.strerror}. {advice}") from None
    if size == 0:
        raw.close()
        raise NoRows(f"{path.name}: the file is empty (0 bytes). A header and rows were expected.")
    zipped = raw.read(2) == _GZIP
    raw.seek(0)
    stream: BinaryIO = raw
    if zipped:
        stream = io.BufferedReader(gzip.GzipFile(fileobj=raw), _BLOCK_BYTES)
    return ByteSource(path.name, raw, stream, size, most_bytes)


def refuse_other_formats(name: str, start: bytes) -> None:
    """Refuse a file whose first bytes are neither text nor Parquet.

    Raises:
        BadData: says what the file is instead, and what to do about it.
    """
    if other := other_format(start):
        raise BadData(f"{name}: this is {other.what}, not CSV, JSON Lines or Parquet: {other.for_rows}.")
    if utf16 := _utf16_without_mark(start[:_BYTES_JUDGED]):
        raise BadData(f"{name}: this is text in UTF-16: convert it with iconv -f {utf16} -t UTF-8.")
    if _is_binary(start[:_BYTES_JUDGED]):
        raise BadData(
            f"{name}: this is not text: it contains zero bytes. "
            "CSV, JSON Lines (both in UTF-8) and Parquet can be read, plain or gzipped."
        )
    if is_web_page(start):
        raise BadData(f"{name}: this is a web page or XML, not a table. Does its address lead to a sign-in page?")


def _utf16_without_mark(start: bytes) -> str:
    """The encoding, by the zero bytes in every other place; "" if there are not as many."""
    halves = {"UTF-16LE": start[1::2], "UTF-16BE": start[0::2]}
    return next((name for name, high in halves.items() if len(high) > 1 and 2 * high.count(0) > len(high)), "")


def _is_binary(start: bytes) -> bool:
    """Whether there are zero bytes and many other control characters: a few of them may be in any text."""
    if b"\0" not in start:
        return False
    controls = len(start.translate(None, _NO_CONTROLS))
    return controls > _MOST_CONTROLS and controls > len(start) * _MOST_CONTROLS_FRACTION


def line_end_of(start: bytes) -> LineEnd:
    """What ends the lines of a file that begins with `start`: carriage returns alone, as on old Macs, or line feeds."""
    if not _LINE_BEFORE_CARRIAGE_RETURN.match(start):
        return "\n"
    unquoted = _QUOTED.sub(b"", start)
    return "\r" if unquoted.count(b"\r") > 2 * unquoted.count(b"\n") else "\n"


def line_blocks(start: bytes, source: ByteSource, line_end: LineEnd = "\n") -> Iterator[bytes]:
    """The file in blocks of whole lines, some ten thousand each; `start` are the bytes read of it already.

    Raises:
        BadData: a line is too long for a table, or the gzip file is damaged.
    """
    mark = line_end.encode()
    rest = [start.removeprefix(b"\xef\xbb\xbf")]
    length = len(start)
    while block := source.read(_BLOCK_BYTES):
        end = block.rfind(mark) + 1
        if end:
            yield b"".join([*rest, block[:end]])
            rest, length = [], 0
        rest.append(block[end:])
        length += len(block) - end
        if length > _LONGEST_LINE_BYTES:
            raise BadData(
                f"{source.name}: no line end in {length >> 20} MiB. CSV and JSON Lines have one row per line."
            )
    if last := b"".join(rest):
        yield last


def lines_of(block: bytes, line_end: LineEnd = "\n") -> list[str]:
    """The lines of a block with their ends."""
    text = decode(block)
    if line_end == "\n":
        return list(io.StringIO(text, newline="\n"))
    *lines, last = text.split(line_end)  # StringIO would change line feeds, too
    return [line + line_end for line in lines] + [last] * bool(last)
