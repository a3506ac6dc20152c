"""Seals: an object of the store contains its own digest, so that damage at rest is noticed before use.

A seal is the SHA-256 of the object's name and of its bytes without the seal. Since the name is part of it, one object
in the place of another is noticed too. It is the last member of a JSON object, and a comment in the first line of any
other text. What 0.1.0 wrote has none and stays readable; files of artifacts need none, as their manifest has their
digests.
"""

from __future__ import annotations

import hashlib
import re

ADVICE = "If somebody edited it on purpose, remove its seal."
_MEMBER = re.compile(rb',?\n? ?"seal":"([0-9a-f]{64})"\n?\}$')
_MEMBER_LENGTH = len(rb',? "seal":""}') + 64 + 8
_COMMENTS = {".yaml": (b"# seal ", b""), ".html": (b"<!-- seal ", b" -->"), ".md": (b"<!-- seal ", b" -->")}


class BrokenSeal(ValueError):
    """The bytes of an object are not those that were sealed under its name."""


def sealed(name: str, data: bytes) -> bytes:
    """The bytes to store at `name`: those of a JSON object, or of a text whose format has comments."""
    digest = _digest(name, data)
    if comment := _comment(name):
        before, after = comment
        return before + digest + after + b"\n" + data
    if not data.endswith(b"}"):
        raise ValueError(f"{name}: only JSON objects can be sealed")
    indented = data.endswith(b"\n}")
    body = data[:-2] if indented else data[:-1]
    comma = b"" if body == b"{" else b","
    start, end = (b"\n ", b"\n}") if indented else (b"", b"}")
    return body + comma + start + b'"seal":"' + digest + b'"' + end


def unsealed(name: str, data: bytes) -> bytes:
    """The bytes that were sealed under `name`; the bytes as they are if they have no seal.

    Raises:
        BrokenSeal: they are not what was sealed.
    """
    body, digest = _split(name, data)
    if digest is None:
        return data
    if digest != _digest(name, body):
        raise BrokenSeal(f"it was damaged, or belongs to another name (its seal does not match it). {ADVICE}")
    return body


def has_seal(name: str, data: bytes) -> bool:
    """Whether an object carries a seal, right or wrong."""
    return _split(name, data)[1] is not None


def _split(name: str, data: bytes) -> tuple[bytes, bytes | None]:
    """The bytes without the seal, and the seal; None if there is none."""
    if comment := _comment(name):
        line, end, rest = data.partition(b"\n")
        before, after = comment
        if not end or not line.startswith(before):
            return data, None
        return rest, line.removeprefix(before).removesuffix(after)
    found = _MEMBER.search(data, max(0, len(data) - _MEMBER_LENGTH))
    if found is None:
        # A damaged seal must not pass for an object of 0.1.0, which has none.
        return data, b"" if b'"seal":' in data[-_MEMBER_LENGTH:] else None
    return data[: found.start()] + (b"\n}" if data.endswith(b"\n}") else b"}"), found[1]


def _comment(name: str) -> tuple[bytes, bytes] | None:
    return next((comment for suffix, comment in _COMMENTS.items() if name.endswith(suffix)), None)


def _digest(name: str, data: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + data).hexdigest().encode()
