"""Text whose bytes are not all UTF-8: the foreign ones are decoded to lone surrogates, so one title spoils no file."""

from __future__ import annotations

from collections.abc import Sequence

EXCERPT_CHARACTERS = 200


def decode(data: bytes) -> str:
    """The text of a file's bytes; bytes that are not UTF-8 become lone surrogates (see `has_foreign_bytes`)."""
    return data.decode("utf-8", "surrogateescape")


def has_foreign_bytes(text: str) -> bool:
    """Whether the text holds bytes that are not UTF-8: they were decoded to lone surrogates, which do not encode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def printable(text: str) -> str:
    r"""The text fit to be written as UTF-8; a foreign byte is written as \xf1."""
    return _original_bytes(text).decode("utf-8", "backslashreplace")


FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs a cell that begins with one of these (OWASP, "CSV injection")."""


def harmless(text: str) -> str:
    """The text fit for a cell: after a quote if a spreadsheet would run it."""
    return f"'{text}" if text.startswith(FORMULA) else text


def excerpt(text: str) -> str:
    """The beginning of a text, fit for a message or a quarantine file."""
    return printable(text[:EXCERPT_CHARACTERS])


def likely_encoding(texts: Sequence[str]) -> str:
    """The encoding that texts with foreign bytes were probably written in, by the name that iconv knows."""
    raw = b"".join(map(_original_bytes, texts))
    # 0x80 to 0x9f are control characters in Latin-1, and letters, quotes and dashes in Windows-1252.
    return "WINDOWS-1252" if any(0x80 <= byte < 0xA0 for byte in raw) else "ISO-8859-1"


def _original_bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate of the source's own, which JSON can write as \ud800
        return text.encode("utf-8", "surrogatepass")
