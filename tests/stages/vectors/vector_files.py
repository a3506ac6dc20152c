"""word2vec files in every form, for tests."""

from __future__ import annotations

import bz2
import gzip
import struct
from collections.abc import Callable

Known = dict[str, list[float]]

KNOWN: Known = {
    "funda": [1.0, 2.0, 3.0],
    "camión": [0.5, -1.5, 2.25],
    "luz": [4.0, 5.0, 6.0],
    "ausente": [7.0, 8.0, 9.0],
}


def as_text(known: Known, end: str = "\n") -> bytes:
    lines = [f"{len(known)} 3", *(f"{word} {' '.join(map(str, vector))}" for word, vector in known.items())]
    return (end.join(lines) + end).encode()


def as_binary(known: Known, end: bytes = b"\n") -> bytes:
    records = (word.encode() + b" " + struct.pack("<3f", *vector) + end for word, vector in known.items())
    return f"{len(known)} 3\n".encode() + b"".join(records)


FORMS: dict[str, Callable[[Known], bytes]] = {
    "text": as_text,
    "text, gzipped": lambda known: gzip.compress(as_text(known), mtime=0),
    "text, gzipped in two parts": lambda known: gzip.compress(as_text(known)[:20]) + gzip.compress(as_text(known)[20:]),
    "text, bzip2": lambda known: bz2.compress(as_text(known)),
    "binary": as_binary,
    "binary, gzipped": lambda known: gzip.compress(as_binary(known), mtime=0),
    "no break between records": lambda known: as_binary(known, b""),
    "a space behind the last number": lambda known: as_text(known, " \n"),
    "windows line ends": lambda known: as_text(known, "\r\n"),
    "windows line ends behind a space": lambda known: as_text(known, " \r\n"),
    "a byte order mark": lambda known: b"\xef\xbb\xbf" + as_text(known),
    "no end of the last line": lambda known: as_text(known)[:-1],
    "a blank line at the end": lambda known: as_text(known) + b"\n",
    "blank lines at the end": lambda known: as_text(known, "\r\n") + b"\r\n \n\n",
    "spaces at the end": lambda known: as_text(known) + b"  ",
    "a blank line at the end, binary": lambda known: as_binary(known) + b"\n",
}
