"""Tokenizers: from titles to words, by one of two sets of rules.

`default`: lower case, no accents, punctuation becomes spaces; keeps digits, decimals and fractions ("1/2", "1.5",
"s10").
`lab`: as in the course's notebook: lower case, no tags, ASCII punctuation becomes spaces, no digits, split by NLTK's
`word_tokenize`, without Spanish stop words and words under 3 letters. Keeps accents. The lab had one model per language
and every run it recorded is Spanish, so its Portuguese stop words are not here.

Both split at white space first. Titles repeat their pieces, so the words of each piece are cached and most of the work
is one lookup per piece. New pieces are tokenized together, as one text: several times as fast as one by one.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.core.text.invisible import RANGES, without_invisible
from meli_tasks.core.text.stop_words import SPANISH
from meli_tasks.core.text.whitespace import collapsed, joined, words_per_line

CACHED_PIECES = 100_000  # bounds the cache for a long stream of new pieces

Words = tuple[list[str], NDArray[np.int64]]
"""The words of several pieces, concatenated, and the number of words of each piece, shape (pieces,)."""

_NUMBER_OR_WORD = re.compile(r"[0-9]+(?:[.,/][0-9]+)+|[^\W_]+")
_DASHES = {0x2044: "/", 0x2215: "/"}  # the fraction slashes that NFKD makes of "½"
# NFKD writes these with plain digits, which must not join the digits next to them: "1½" is 1 1/2, "10²" not 102.
_FRACTION = "[\u00bc-\u00be\u2150-\u215e\u2189]"
_SMALL_DIGIT = "[\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089]"
_RUN_INTO_EACH_OTHER = re.compile(
    rf"(?<={_FRACTION})(?=\d|{_FRACTION}|{_SMALL_DIGIT}|\u215f)"  # "½5", and the "⅟" of "½⅟8"
    rf"|(?<=\d)(?={_FRACTION}|\u215f)|(?<={_SMALL_DIGIT})(?={_FRACTION}|\u215f)"
    rf"|(?<=[0-9])(?={_SMALL_DIGIT})|(?<={_SMALL_DIGIT})(?=[0-9])"
)
# Looked for first: accents alone need neither rule, and hardly a word has any of these.
_RARE = re.compile(f"[{RANGES}\u215f{_FRACTION[1:-1]}{_SMALL_DIGIT[1:-1]}]")


def _default_words(pieces: Sequence[str]) -> Words:
    words = [(piece.lower(),) if piece.isascii() and piece.isalnum() else _words_within(piece) for piece in pieces]
    return list(chain.from_iterable(words)), np.fromiter(map(len, words), np.int64, len(words))


def _words_within(piece: str) -> tuple[str, ...]:
    if not piece.isascii():
        if _RARE.search(piece):
            piece = _RUN_INTO_EACH_OTHER.sub(" ", without_invisible(piece))
        # Twice: decomposing can produce capitals again ("™" is "TM"), and folding can produce composed letters again.
        for _ in range(2):
            piece = unicodedata.normalize("NFKD", piece).casefold()
        piece = "".join(letter for letter in piece if not unicodedata.combining(letter)).translate(_DASHES)
    return tuple(word.replace(",", ".") for word in _NUMBER_OR_WORD.findall(piece.casefold()))


_TAG = re.compile(r"<[^>]+>")
# What `word_tokenize` still does after ASCII punctuation is removed: it isolates quotes and long dashes (which are then
# too short to keep), and splits these English contractions in two.
_PUNCTUATION = bytes.maketrans(string.punctuation.encode(), b" " * len(string.punctuation))
_QUOTES_AND_DASHES = "«»“”‘’„\u2012\u2013\u2014\u2015"
_CONTRACTION = re.compile(
    r"(?i)\b(can(?=not\b)|gim(?=me\b)|gon(?=na\b)|got(?=ta\b)|lem(?=me\b)|wan(?=na(?:\s|$)))(not|me|na|ta)"
)
# A text without these has no contraction. A pattern that ignores case matches the Turkish dotless i as an i.
_IN_CONTRACTIONS = ("cannot", "gimme", "gonna", "gotta", "lemme", "wanna", "ı")
SHORTEST_LAB_WORD = 3


def _lab_words(pieces: Sequence[str]) -> Words:
    text = joined(pieces).lower()
    for letter in _QUOTES_AND_DASHES:
        text = text.replace(letter, " ")
    text = text.encode("utf-8", "surrogatepass").translate(_PUNCTUATION, b"0123456789").decode("utf-8", "surrogatepass")
    if any(part in text for part in _IN_CONTRACTIONS):
        text = _CONTRACTION.sub(r" \1 \2 ", text)
    lines = collapsed(text)
    words, sizes = lines.decode("utf-8", "surrogatepass").split(), words_per_line(lines)
    kept = np.fromiter((len(word) >= SHORTEST_LAB_WORD and word not in SPANISH for word in words), bool, len(words))
    owners = np.repeat(np.arange(len(sizes)), sizes)[kept]
    return [word for word, keep in zip(words, kept.tolist(), strict=True) if keep], np.bincount(
        owners, minlength=len(sizes)
    )


def _lab_text(title: str) -> str:
    title = title.lower()
    return _TAG.sub("", title) if "<" in title else title


@dataclass(frozen=True)
class Tokenizer:
    """The rules of a tokenizer, in two steps."""

    prepare: Callable[[str], str]
    """Prepares a whole title before it is split at white space; idempotent."""
    spanning: str
    """Only titles with this character need `prepare`; "" if none do."""
    words_of: Callable[[Sequence[str]], Words]
    """The words of pieces of titles. A piece that contains white space is split there too."""


_TOKENIZERS = {"default": Tokenizer(str, "", _default_words), "lab": Tokenizer(_lab_text, "<", _lab_words)}
_CACHE: dict[str, dict[str, tuple[str, ...]]] = {name: {} for name in _TOKENIZERS}


def tokenizer_of(name: str) -> Tokenizer:
    """The rules of a tokenizer.

    Raises:
        BadHyperparameters: there is no tokenizer of that name.
    """
    if name not in _TOKENIZERS:
        raise BadHyperparameters(f"unknown tokenizer '{name}'; known are {', '.join(sorted(_TOKENIZERS))}")
    return _TOKENIZERS[name]


def tokenize(titles: Sequence[str], tokenizer: str) -> list[list[str]]:
    """The words of each title, in order; a title may have none.

    Raises:
        BadHyperparameters: there is no tokenizer of that name.
    """
    rules = tokenizer_of(tokenizer)
    try:
        return _looked_up(titles, rules, _CACHE[tokenizer])
    except KeyError:
        return _looked_up(titles, rules, _with_pieces(titles, tokenizer))


def _looked_up(titles: Sequence[str], rules: Tokenizer, known: dict[str, tuple[str, ...]]) -> list[list[str]]:
    prepare = rules.prepare
    return [[word for piece in prepare(title).split() for word in known[piece]] for title in titles]


def _with_pieces(titles: Sequence[str], tokenizer: str) -> dict[str, tuple[str, ...]]:
    """The cache, after all pieces of the titles have been added."""
    rules, known = tokenizer_of(tokenizer), _CACHE[tokenizer]
    pieces = {piece for title in titles for piece in rules.prepare(title).split()}
    if len(known) + len(pieces) > CACHED_PIECES:
        # A new dictionary, because another thread may still read the old one.
        known = _CACHE[tokenizer] = {}
    new = [piece for piece in pieces if piece not in known]
    words, sizes = rules.words_of(new)
    ends = np.cumsum(sizes).tolist()
    known.update(
        (piece, tuple(words[end - size : end])) for piece, end, size in zip(new, ends, sizes.tolist(), strict=True)
    )
    return known
