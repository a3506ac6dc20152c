"""How the values of a listing's columns are read: many ways to write one language, one split, one category."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from meli_tasks.core.text.invisible import is_blank, without_invisible

UNKNOWN_SPLIT = "?"

_LANGUAGES = {
    "spanish": ("es", "spa", "español", "espanol", "spanish", "castellano", "castilian"),
    "portuguese": ("pt", "por", "português", "portugues", "portuguese"),
}
_LANGUAGE_OF = {written: language for language, forms in _LANGUAGES.items() for written in forms}
_SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}
_SPLIT_OF = {written: split for split, forms in _SPLITS.items() for written in forms}


def language_of(text: str) -> str | None:
    """The language in lower case; the ways to write Spanish and Portuguese are one each.

    A code may name a country or script, as in `es-AR`, `pt_BR`, `es-419` and `pt_BR.UTF-8` (BCP 47 and POSIX).
    """
    written = unicodedata.normalize("NFC", without_invisible(text)).strip().lower()
    code = re.split(r"[-_.@]", written, maxsplit=1)[0]
    return _LANGUAGE_OF.get(written) or _LANGUAGE_OF.get(code, written) or None


def source_split_of(text: str) -> str:
    """The split that the source names; UNKNOWN_SPLIT if it is none."""
    return _SPLIT_OF.get(text.lower(), UNKNOWN_SPLIT)


def category_of(text: str) -> str | None:
    """The category with composed accents (NFC), because "ó" can be written as one character or two; None if blank."""
    return None if is_blank(text) else unicodedata.normalize("NFC", text)


def similar_categories(categories: Iterable[str]) -> list[tuple[str, ...]]:
    """Groups of categories that differ only in case, in the width of letters or in characters that are not displayed.

    They are probably one category that is written in several ways, but only the source's owner knows.
    """
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for category in sorted(categories):
        alike = without_invisible(unicodedata.normalize("NFKC", category)).casefold()
        groups["".join(alike.split())].append(category)
    return [tuple(group) for group in groups.values() if len(group) > 1]
