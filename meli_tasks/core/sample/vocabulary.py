"""The sample's words as tables: every phrase in all its spellings, and the phrases that each slot draws from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from itertools import product

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.sample.categories import CATEGORIES
from meli_tasks.core.sample.words import COLOURS, FAMILIES, LEADS, TAILS

CASES = 3
"""As in the lists, UPPER, lower."""
TYPOS = 3
NUMBERS = 10_000

_BRACES = re.compile(r"\{([^{}]*)\}")
_SOUND_ALIKES = (("b", "v"), ("v", "b"), ("z", "s"), ("c", "s"), ("ll", "y"), ("ss", "s"), ("ch", "x"), ("h", ""))
_LANGUAGES = 2
# Half of the rows are spread evenly, half by rank: a long tail, yet 2,000 rows hold about ten of the rarest category.
_EVEN_FRACTION = 0.5

Numbers = NDArray[np.int64]
Pool = NDArray[np.int32]
"""The start and size of each pool in `Vocabulary.flat`, shape (pools, 2)."""


def writing(cases: Numbers, accents_lost: NDArray[np.bool_]) -> Numbers:
    """The numbers of spellings without a typo."""
    return cases * 2 + accents_lost


def typo_writing(cases: Numbers, typos: Numbers) -> Numbers:
    """The numbers of spellings with a typo."""
    return CASES * 2 + cases * TYPOS + typos


class Vocabulary:
    """All tables. A phrase's number means the phrase followed by a space; 0 means no phrase."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {"": 0}
        self._flat: list[int] = []
        self._families: list[str] = []
        entries = _entries(CATEGORIES)
        self.categories = [name for name, _ in entries if not name.startswith("#")]
        family_rows = self._read_families()
        parts, self.family_of = self._read_categories(entries)
        self.heads, self.features = self._by_language(parts, 0), self._by_language(parts, 2)
        self.brands, self.models = self._read_brands(family_rows)
        family_sizes = [_phrases(row["sizes"]) for row in family_rows]
        own_sizes = [part[4:] or family_sizes[family] for part, family in zip(parts, self.family_of, strict=True)]
        self.sizes = self._by_language(own_sizes, 0)
        self.talk, self.generics = (
            self._by_language([_phrases(row[field]) for row in family_rows], 0) for field in ("talk", "generic")
        )
        self.leads, self.colours, self.tails = (
            self._by_language([_phrases(text)], 0) for text in (LEADS, COLOURS, TAILS)
        )
        letters = "ABCDEFGHJKLMNPRSTVWXZ"
        self.codes = self._pools([[f"{a}{b}" for a, b in product(letters, letters)]], space="")
        self.flat = np.array(self._flat, dtype=np.int32)
        self.phrases = len(self._numbers)
        self.table = self._table()
        self.weights = self._weights()

    def _read_families(self) -> list[dict[str, str]]:
        rows: list[dict[str, str]] = []
        for block in re.split(r"\n(?=\w)", FAMILIES.strip()):
            name, _, body = block.partition("\n")
            self._families.append(name)
            fields = re.split(r"^  (\w+): ", body, flags=re.MULTILINE)
            rows.append(dict(zip(fields[1::2], fields[2::2], strict=True)))
        return rows

    def _read_categories(self, entries: list[tuple[str, str]]) -> tuple[list[list[list[str]]], Numbers]:
        parts: list[list[list[str]]] = []
        families: list[int] = []
        family = 0
        for name, text in entries:
            if name.startswith("#"):
                family = self._families.index(name[1:].strip())
            else:
                parts.append(_phrases(text))
                families.append(family)
        return parts, np.array(families, dtype=np.int64)

    def _read_brands(self, rows: list[dict[str, str]]) -> tuple[Pool, Pool]:
        """The pools of brands by family, and of models by the position of the brand in `flat`."""
        brands = []
        models: dict[int, list[str]] = {}
        for row in rows:
            pairs = [brand.partition(":") for brand in " ".join(row["brands"].split()).split("; ")]
            start = len(self._flat)
            brands.append(self._pools([[name.strip() for name, _, _ in pairs]])[0])
            models |= {start + index: _parts(text) for index, (_, _, text) in enumerate(pairs)}
        by_brand = np.zeros((len(self._flat), 2), dtype=np.int32)
        for position, names in models.items():
            by_brand[position] = self._pools([names])[0]
        return np.array(brands, dtype=np.int32), by_brand

    def _by_language(self, rows: list[list[list[str]]], first: int) -> Pool:
        """The pools of parts `first` (Spanish) and `first + 1` (Portuguese) of each row: pool 2 * row + language."""
        return self._pools([row[first + language] for row in rows for language in range(_LANGUAGES)])

    def _pools(self, pools: Iterable[Iterable[str]], space: str = " ") -> Pool:
        spans = []
        for phrases in pools:
            start = len(self._flat)
            self._flat.extend(self._numbers.setdefault(phrase + space, len(self._numbers)) for phrase in phrases)
            spans.append((start, len(self._flat) - start))
        return np.array(spans, dtype=np.int32)

    def _table(self) -> NDArray[np.object_]:
        """All spellings: phrase p in spelling w is at w * phrases + p. The numbers follow, in a single spelling."""
        rows = [_writings(phrase) for phrase in self._numbers]
        texts = [text for writing_ in zip(*rows, strict=True) for text in writing_]
        return np.array(texts + [f"{number} " for number in range(NUMBERS)], dtype=object)

    def _weights(self) -> NDArray[np.float64]:
        """The probability of each category, shape (categories,)."""
        count = len(self.categories)
        # Shuffled, so that each family has large and small categories.
        ranks = np.argsort(np.argsort([blake2b(name.encode()).hexdigest() for name in self.categories]))
        tail = 1 / (ranks + 2.0)
        weights: NDArray[np.float64] = _EVEN_FRACTION / count + (1 - _EVEN_FRACTION) * tail / tail.sum()
        return weights


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """The vocabulary, which takes a few tenths of a second to build and is then cached."""
    return Vocabulary()


def _entries(text: str) -> list[tuple[str, str]]:
    """Headings (`# family`) and `NAME: text` entries, their continuation lines joined."""
    joined = re.sub(r"\n +", " ", text.strip())
    return [(line, "") if line.startswith("#") else tuple(line.split(": ", 1)) for line in joined.split("\n")]  # type: ignore[misc]


def _phrases(text: str) -> list[list[str]]:
    """`a|b / c` as [[a, b], [c]], with ranges and lists expanded."""
    return [
        [spelled for part in _parts(half) for spelled in _spelled(part)] for half in " ".join(text.split()).split(" / ")
    ]


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split("|") if part.strip()]


def _spelled(phrase: str) -> list[str]:
    """`{35-37} Cm` as 35 Cm, 36 Cm, 37 Cm; `{S,M}` as S, M; several braces in all combinations."""
    pieces = _BRACES.split(phrase)
    choices = [[piece] if index % 2 == 0 else _choices(piece) for index, piece in enumerate(pieces)]
    return ["".join(chosen) for chosen in product(*choices)]


def _choices(text: str) -> list[str]:
    low, dash, high = text.partition("-")
    if dash and low.isdigit() and high.isdigit():
        return [str(number).zfill(len(low)) for number in range(int(low), int(high) + 1)]
    return text.split(",")


def _without_accents(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter))


def _writings(phrase: str) -> list[str]:
    plain, typos = _without_accents(phrase), [_typo(phrase, number) for number in range(TYPOS)]
    cases = (str, str.upper, str.lower)
    return [case(text) for case in cases for text in (phrase, plain)] + [case(text) for case in cases for text in typos]


def _typo(phrase: str, number: int) -> str:
    """A typing error or a phonetic misspelling, always the same for the same phrase and number."""
    word = phrase.rstrip(" ")
    places = [place for place in range(1, len(word) - 1) if word[place - 1 : place + 2].isalpha()]
    if not places:
        return phrase
    chance = int.from_bytes(blake2b(f"{word} {number}".encode(), digest_size=8).digest(), "big")
    kind, place = chance % 4, places[(chance >> 8) % len(places)]
    if kind == 0:
        return word[:place] + word[place + 1 :] + " "
    if kind == 1:
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :] + " "
    if kind == 2:
        return word[:place] + word[place] + word[place:] + " "
    heard, written = _SOUND_ALIKES[(chance >> 16) % len(_SOUND_ALIKES)]
    return word[0] + word[1:].replace(heard, written, 1) + " "
