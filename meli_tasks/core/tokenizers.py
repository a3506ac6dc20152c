"""Titles to words, by two sets of rules.

`default`: lower case, accents off, punctuation to spaces; digits, decimals and fractions stay ("1/2", "1.5", "s10").
`lab`: what the course's notebook did: lower case, tags removed, ASCII punctuation to spaces, digits removed, cut by
NLTK's `word_tokenize`, Spanish stop words and words under 3 letters dropped. Accents stay. The lab kept one model per
language and every run it recorded is Spanish, so its Portuguese stop words are not here.

Both cut at white space first and remember what each piece became: titles repeat their pieces, so most of the work is
one dictionary look-up a piece.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Sequence

from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.core.stop_words import SPANISH

REMEMBERED_PIECES = 100_000  # a long stream of new pieces must not grow without end

_NUMBER_OR_WORD = re.compile(r"[0-9]+(?:[.,/][0-9]+)+|[^\W_]+")
_DASHES = {0x2044: "/", 0x2215: "/"}  # the fraction slashes that NFKD makes of "½"


def _default_words(piece: str) -> tuple[str, ...]:
    """The words of one piece without white space."""
    if not piece.isascii():
        # Twice: decomposing may bring capitals back ("™" is "TM") and folding may bring composed letters back.
        for _ in range(2):
            piece = unicodedata.normalize("NFKD", piece).casefold()
        piece = "".join(letter for letter in piece if not unicodedata.combining(letter)).translate(_DASHES)
    return tuple(word.replace(",", ".") for word in _NUMBER_OR_WORD.findall(piece.casefold()))


_TAG = re.compile(r"<[^>]+>")
# What of `word_tokenize` still acts once ASCII punctuation is gone: quotes and long dashes stand alone (and are too
# short to stay), and these English contractions are cut in two.
_LAB_CHARACTERS = str.maketrans(
    dict.fromkeys(string.punctuation + "«»“”‘’„\u2012\u2013\u2014\u2015", " ") | dict.fromkeys(string.digits)
)
_CONTRACTION = re.compile(
    r"(?i)\b(can(?=not\b)|gim(?=me\b)|gon(?=na\b)|got(?=ta\b)|lem(?=me\b)|wan(?=na(?:\s|$)))(not|me|na|ta)"
)
SHORTEST_LAB_WORD = 3


def _lab_words(piece: str) -> tuple[str, ...]:
    """The words of one lower-cased piece without white space and without tags."""
    words = _CONTRACTION.sub(r" \1 \2 ", piece.translate(_LAB_CHARACTERS)).split()
    return tuple(word for word in words if len(word) >= SHORTEST_LAB_WORD and word not in SPANISH)


def _lab_text(title: str) -> str:
    title = title.lower()
    return _TAG.sub("", title) if "<" in title else title


class _Remembered(dict[str, tuple[str, ...]]):
    """Words by piece, computed at the first look-up."""

    def __init__(self, words_of: Callable[[str], tuple[str, ...]]) -> None:
        super().__init__()
        self._words_of = words_of

    def __missing__(self, piece: str) -> tuple[str, ...]:
        if len(self) >= REMEMBERED_PIECES:
            self.clear()
        words = self[piece] = self._words_of(piece)
        return words


_TOKENIZERS: dict[str, tuple[Callable[[str], str], _Remembered]] = {
    "default": (str, _Remembered(_default_words)),
    "lab": (_lab_text, _Remembered(_lab_words)),
}


def tokenize(titles: Sequence[str], tokenizer: str) -> list[list[str]]:
    """The words of each title, in order; a title may end up with none. BadHyperparameters for an unknown tokenizer."""
    if tokenizer not in _TOKENIZERS:
        raise BadHyperparameters(f"unknown tokenizer '{tokenizer}'; there are {', '.join(sorted(_TOKENIZERS))}")
    prepare, words_of = _TOKENIZERS[tokenizer]
    return [[word for piece in prepare(title).split() for word in words_of[piece]] for title in titles]
