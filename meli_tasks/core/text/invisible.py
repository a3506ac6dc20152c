"""Characters that are not displayed, such as the soft hyphen and the zero-width space: they separate no words.

A fixed list, not unicodedata's categories: those grow with Unicode versions, and splits and words must not change.
"""

from __future__ import annotations

import re

_RANGES = (
    (0x00AD, 0x00AD),  # soft hyphen
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x061C, 0x061C),  # Arabic letter mark
    (0x180B, 0x180F),  # Mongolian variation selectors and vowel separator
    (0x200B, 0x200F),  # zero-width space, non-joiner, joiner; marks of direction
    (0x202A, 0x202E),  # embeddings and overrides of direction
    (0x2060, 0x206F),  # word joiner, invisible operators, isolates of direction
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFEFF, 0xFEFF),  # zero-width no-break space, the byte order mark
    (0xFFF9, 0xFFFB),  # interlinear annotation
    (0xE0001, 0xE0001),  # language tag
    (0xE0020, 0xE007F),  # tags
    (0xE0100, 0xE01EF),  # more variation selectors
)

INVISIBLE = frozenset(chr(point) for first, last in _RANGES for point in range(first, last + 1))

RANGES = "".join(f"{chr(first)}-{chr(last)}" for first, last in _RANGES)
"""The same for a set of characters in a regular expression."""

_RUNS = re.compile(f"[{RANGES}]+")


def without_invisible(text: str) -> str:
    """The text without characters that are not displayed."""
    return text if text.isascii() else _RUNS.sub("", text)


def is_blank(text: str) -> bool:
    """Whether the text displays nothing: it holds only spaces and characters that are not displayed."""
    return not text.strip() or (text.lstrip()[0] in INVISIBLE and not without_invisible(text).strip())
