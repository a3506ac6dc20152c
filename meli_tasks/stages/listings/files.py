"""A file as bytes, whatever it is wrapped in: gzip is known by its first bytes, not by its name."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from meli_tasks.core.errors import BadData

_GZIP = b"\x1f\x8b"
_BLOCK_BYTES = 4 << 20
# A line longer than this is no listing, and is not worth the memory of finding its end.
_LONGEST_LINE_BYTES = 256 << 20

_NOT_TEXT = (
    (b"PK\x03\x04", "a zip archive or a spreadsheet", "unpack it, or save the sheet as CSV in UTF-8"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it with unzstd, or compress it with gzip"),
    (b"BZh", "compressed with bzip2", "unpack it with bunzip2, or compress it with gzip"),
    (b"\xfd7zXZ", "compressed with xz", "unpack it with unxz, or compress it with gzip"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV in UTF-8"),
    (b"\xff\xfe", "text in UTF-16", "convert it with iconv -f UTF-16 -t UTF-8"),
    (b"\xfe\xff", "text in UTF-16", "convert it with iconv -f UTF-16 -t UTF-8"),
)


@dataclass
class Opened:
    """A file being read: `read` gives its bytes without the gzip, `share` how far it is."""

    name: str
    raw: BinaryIO
    stream: BinaryIO
    size: int
    read_bytes: int = 0

    def read(self, size: int) -> bytes:
        """The next bytes, `size` of them at most and none at the end; BadData when the gzip is damaged."""
        try:
            block = self.stream.read(size)
        except EOFError:
            raise BadData(
                f"{self.name}: the gzip file ends before its end, after {self.read_bytes:,} bytes of text: "
                "a download or a copy was cut off. Get the file again; `gzip -t` checks it."
            ) from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise BadData(
                f"{self.name}: the gzip file is damaged after {self.read_bytes:,} bytes of text ({error}). "
                "Get the file again; `gzip -t` checks it."
            ) from None
        self.read_bytes += len(block)
        return block

    def share(self) -> float:
        """How much of the file is read, from 0 to 1."""
        return min(self.raw.tell() / self.size, 1.0) if self.size else 1.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stream.close()
        self.raw.close()


def open_file(path: Path) -> Opened:
    """Opens a file for reading; a gzipped one is unpacked on the way. Raises BadData when it is empty or unreadable."""
    try:
        raw = path.open("rb")
        size = path.stat().st_size
    except OSError as error:
        raise BadData(f"{path}: cannot be read: {error.strerror}. Check the path and its permissions.") from None
    if size == 0:
        raw.close()
        raise BadData(f"{path.name}: the file is empty (0 bytes). A header and rows were expected.")
    zipped = raw.read(2) == _GZIP
    raw.seek(0)
    stream: BinaryIO = raw
    if zipped:
        stream = io.BufferedReader(gzip.GzipFile(fileobj=raw), _BLOCK_BYTES)
    return Opened(path.name, raw, stream, size)


def refuse_foreign(name: str, start: bytes) -> None:
    """Raises BadData when the first bytes tell of something that is neither text nor Parquet."""
    for magic, what, advice in _NOT_TEXT:
        if start.startswith(magic):
            raise BadData(f"{name}: this is {what}, not CSV, JSON Lines or Parquet: {advice}.")
    if b"\0" in start[:1_000]:
        raise BadData(
            f"{name}: this is no text: it holds zero bytes, {start[:16]!r}... "
            "CSV, JSON Lines (both in UTF-8) and Parquet can be read, plain or gzipped."
        )
    if start.lstrip()[:15].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise BadData(f"{name}: this is a web page or XML, not listings. Is the address that of a sign-in page?")


def line_blocks(start: bytes, file: Opened) -> Iterator[bytes]:
    """The file in blocks of whole lines, some ten thousand each; `start` are bytes already read of it."""
    rest = [start.removeprefix(b"\xef\xbb\xbf")]
    length = len(start)
    while block := file.read(_BLOCK_BYTES):
        end = block.rfind(b"\n") + 1
        if end:
            yield b"".join([*rest, block[:end]])
            rest, length = [], 0
        rest.append(block[end:])
        length += len(block) - end
        if length > _LONGEST_LINE_BYTES:
            raise BadData(
                f"{file.name}: no line end in {length >> 20} MiB. CSV and JSON Lines have a row on each line."
            )
    if last := b"".join(rest):
        yield last


def lines_of(block: bytes) -> list[str]:
    """The lines of a block with their ends.

    Bytes that are not UTF-8 come as lone surrogates (see `rows.foreign`), so one bad title does not cost the file.
    """
    return list(io.StringIO(block.decode("utf-8", "surrogateescape"), newline="\n"))
