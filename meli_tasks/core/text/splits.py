"""The split of each title, train, validation or test, by a hash of the title itself.

A title's split depends only on its own letters, so it is the same in every run, on every machine and in every file, and
a title that is listed twice is never in two splits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.text.invisible import INVISIBLE
from meli_tasks.core.text.whitespace import collapsed, joined

SPLITS = ("train", "validation", "test")

SPLIT_RULE = "title hash 2"
"""Names the rule by which `split_of` assigns splits: another name, when a change gives some title another split.

Listings whose splits follow one rule never hold a title in two splits, neither within one of them nor across them.
Rule 1, of 0.1.0, treated titles that differ only in characters that are not displayed as different.
"""

# Percentages below which a title belongs to SPLITS[0] and SPLITS[1]; the rest belongs to SPLITS[2].
_BOUNDS = np.array([90, 95], dtype=np.uint64)

# A fixed range, not unicodedata's category of marks: that grows with Unicode versions, and splits must not change.
_ACCENTS = "\u0300-\u036f"
# A soft hyphen or a zero-width space separates no words, so a title and its twin without it must share a split.
_IGNORED = re.compile(f"[{_ACCENTS}{''.join(sorted(INVISIBLE))}]+")


@lru_cache(maxsize=65_536)
def _plain(character: str) -> str:
    """A non-ASCII letter in lower case without accents; "" for one that is not displayed.

    A fixed point, so replacements can happen in any order.
    """
    while True:
        plain = _IGNORED.sub("", unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold()))
        plain = "".join(" " if letter.isspace() else letter for letter in plain)
        if plain == character:
            return plain
        character = plain


def _normalised(titles: Sequence[str]) -> list[bytes]:
    """Each title in UTF-8 and lower case, without accents, with white space collapsed.

    Processes all titles as one text, one letter of the alphabet at a time: five times as fast as title by title.
    """
    text = joined(titles)
    if not text.isascii():
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        for point in np.unique(points[points > 127]).tolist():
            text = text.replace(chr(point), _plain(chr(point)))
    # Only ASCII letters can still be upper case, and bytes.lower() changes exactly those.
    return collapsed(text).lower().split(b"\n")


def normalise(titles: Sequence[str]) -> list[str]:
    """Each title in lower case, without accents and what is not displayed, white space collapsed.

    Titles equal in this form share a split.
    """
    return [title.decode("utf-8", "surrogatepass") for title in _normalised(titles)] if titles else []


def title_hashes(titles: Sequence[str]) -> NDArray[np.uint64]:
    """A hash of each title as `normalise` gives it, shape (titles,): equal for titles that must share a split."""
    if not titles:
        return np.zeros(0, dtype=np.uint64)
    digests = b"".join([blake2b(title, digest_size=8).digest() for title in _normalised(titles)])
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def split_of(titles: Sequence[str]) -> NDArray[np.uint8]:
    """The split of each title, an index into SPLITS, shape (titles,): 90 % train, 5 % validation, 5 % test."""
    return np.searchsorted(_BOUNDS, title_hashes(titles) % np.uint64(100), side="right").astype(np.uint8)
