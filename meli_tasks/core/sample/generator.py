"""A generated sample: any number of listing titles in Spanish and Portuguese, the same for the same seed.

Titles are composed from word lists so that they resemble a marketplace: brands, models, sizes, colours, typos,
capitals, missing accents, sales talk, related categories that share words, and labels marked as unreliable, some of
them wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from enum import IntEnum, auto

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.errors import BadData
from meli_tasks.core.sample.vocabulary import CASES, NUMBERS, TYPOS, Pool, Vocabulary, typo_writing, vocabulary, writing

SAMPLE_VERSION = 1
"""Raise it when the same seed gives different rows."""
CHUNK_ROWS = 16_384
COLUMNS = ("title", "category", "language", "label_quality")
UNRELIABLE_FRACTION = 0.35

_PORTUGUESE_FRACTION = 0.45
_UPPER_FRACTION, _LOWER_FRACTION = 0.07, 0.08
_ACCENTS_LOST_FRACTION = 0.4
_TYPO_FRACTION = 0.15
_GENERIC_FRACTION = 0.05
_FOREIGN_FEATURE_FRACTION = 0.08
_NEAR_FRACTION = 0.7

Uniforms = NDArray[np.float64]
Numbers = NDArray[np.int64]


class _Slot(IntEnum):
    """The slots of a title, in the order of the simplest titles."""

    LEAD, HEAD, BRAND, MODEL, CODE, NUMBER, FEATURE, TALK, TALK_TOO, SIZE, COLOUR, TAIL = range(12)


class _Draw(IntEnum):
    """The use of each uniform random number of a row. Add new ones at the end, and raise SAMPLE_VERSION."""

    CATEGORY = 0
    LANGUAGE = auto()
    QUALITY = auto()
    WRONG = auto()
    CASE = auto()
    ACCENTS = auto()
    TYPO = auto()
    ORDER = auto()
    GENERIC = auto()
    NEIGHBOUR = auto()
    SLOTS = auto()


_DRAWS = _Draw.SLOTS + len(_Slot)

_ORDERS = np.array(
    [
        [*_Slot],
        [_Slot.LEAD, _Slot.HEAD, _Slot.FEATURE, *(slot for slot in _Slot if slot not in (0, 1, 6))],
        [_Slot.BRAND, _Slot.MODEL, _Slot.HEAD, *(slot for slot in _Slot if slot not in (1, 2, 3))],
        [_Slot.HEAD, _Slot.TALK, _Slot.FEATURE, _Slot.SIZE, *(slot for slot in _Slot if slot not in (1, 6, 7, 9))],
        [_Slot.FEATURE, _Slot.HEAD, _Slot.BRAND, _Slot.MODEL, *(slot for slot in _Slot if slot not in (1, 2, 3, 6))],
        [_Slot.LEAD, _Slot.HEAD, _Slot.COLOUR, *(slot for slot in _Slot if slot not in (0, 1, 10))],
        [_Slot.HEAD, _Slot.BRAND, _Slot.MODEL, _Slot.SIZE, *(slot for slot in _Slot if slot not in (1, 2, 3, 9))],
        [_Slot.TALK_TOO, _Slot.HEAD, *(slot for slot in _Slot if slot not in (1, 8))],
    ]
)


def category_names() -> list[str]:
    """The sample's categories, in alphabetical order."""
    return sorted(vocabulary().categories)


def sample(
    rows: int, seed: int = 1, *, wrong_fraction: float = 0.01, day: date | None = None
) -> Iterator[dict[str, list[str]]]:
    """Yield chunks of up to CHUNK_ROWS rows as lists by column of COLUMNS.

    The first n rows do not depend on the number of rows.

    Args:
        rows: The number of rows.
        seed: The seed.
        wrong_fraction: The fraction of rows with a wrong label. All of these are marked as unreliable, as are many rows
            with a correct label.
        day: Each day of a seed gives different titles.

    Raises:
        BadData: an argument is out of range.
    """
    if rows < 0 or not 0 <= wrong_fraction <= UNRELIABLE_FRACTION:
        raise BadData(
            f"The sample cannot have {rows:,} rows with a fraction of wrong labels of {wrong_fraction}: rows must be "
            f"0 or more, the fraction from 0 to {UNRELIABLE_FRACTION}."
        )
    words = vocabulary()
    for number, start in enumerate(range(0, rows, CHUNK_ROWS)):
        chunk = _chunk(words, _uniform(seed, number, day), wrong_fraction)
        wanted = min(CHUNK_ROWS, rows - start)
        yield chunk if wanted == CHUNK_ROWS else {name: column[:wanted] for name, column in chunk.items()}


def _uniform(seed: int, chunk: int, day: date | None) -> Uniforms:
    """The uniform random numbers in [0, 1) of a chunk, shape (_DRAWS, CHUNK_ROWS).

    Computed from raw bits, which numpy guarantees never to change; it does not for its distributions.
    """
    origin = (seed, chunk, SAMPLE_VERSION, *([day.toordinal()] if day else []))
    bits = np.random.PCG64(np.random.SeedSequence(origin)).random_raw(_DRAWS * CHUNK_ROWS)
    uniforms: Uniforms = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return uniforms.reshape((_DRAWS, CHUNK_ROWS))


def _chunk(words: Vocabulary, drawn: Uniforms, wrong_fraction: float) -> dict[str, list[str]]:
    categories = np.searchsorted(np.cumsum(words.weights)[:-1], drawn[_Draw.CATEGORY], side="right")
    languages = (drawn[_Draw.LANGUAGE] < _PORTUGUESE_FRACTION).astype(np.int64)
    unreliable = drawn[_Draw.QUALITY] < UNRELIABLE_FRACTION
    labels = _labels(words, categories, unreliable, drawn[_Draw.WRONG], wrong_fraction / UNRELIABLE_FRACTION)
    numbers = _numbers(words, drawn, categories, languages)
    numbers = np.take_along_axis(numbers, _ORDERS[(drawn[_Draw.ORDER] * len(_ORDERS)).astype(np.int64)], axis=1)
    return {
        "title": ["".join(phrases)[:-1] for phrases in words.table[numbers].tolist()],
        "category": np.array(words.categories, dtype=object)[labels].tolist(),
        "language": np.array(["spanish", "portuguese"], dtype=object)[languages].tolist(),
        "label_quality": np.array(["reliable", "unreliable"], dtype=object)[unreliable.astype(np.int64)].tolist(),
    }


def _labels(
    words: Vocabulary, categories: Numbers, unreliable: NDArray[np.bool_], drawn: Uniforms, fraction: float
) -> Numbers:
    """The labels: a fraction of the unreliable ones are wrong, mostly a category of the same family."""
    wrong = unreliable & (drawn < fraction)
    again = drawn[wrong] / fraction if fraction else drawn[wrong]
    near = again < _NEAR_FRACTION
    again = np.where(near, again / _NEAR_FRACTION, (again - _NEAR_FRACTION) / (1 - _NEAR_FRACTION))
    count = len(words.categories)
    anywhere = (categories[wrong] + 1 + (again * (count - 1)).astype(np.int64)) % count
    labels = categories.copy()
    labels[wrong] = np.where(near, _neighbours(words, categories[wrong], again), anywhere)
    return labels


def _neighbours(words: Vocabulary, categories: Numbers, drawn: Uniforms) -> Numbers:
    """A different category of the same family for each; the categories of a family are adjacent in the list."""
    families = words.family_of[categories]
    first = np.searchsorted(words.family_of, families, side="left")
    size = np.searchsorted(words.family_of, families, side="right") - first
    return first + (categories - first + 1 + (drawn * (size - 1)).astype(np.int64)) % size


def _numbers(words: Vocabulary, drawn: Uniforms, categories: Numbers, languages: Numbers) -> Numbers:
    """The positions of each title's phrases in `Vocabulary.table`, in the order of _Slot, shape (rows, slots)."""
    families = words.family_of[categories]
    family_pools = families * 2 + languages
    pools = categories * 2 + languages
    neighbour = drawn[_Draw.NEIGHBOUR]
    foreign = neighbour < _FOREIGN_FEATURE_FRACTION
    feature_pools = pools.copy()
    feature_pools[foreign] = (
        _neighbours(words, categories[foreign], neighbour[foreign] / _FOREIGN_FEATURE_FRACTION) * 2 + languages[foreign]
    )
    generic = drawn[_Draw.GENERIC] < _GENERIC_FRACTION

    slot = drawn[_Draw.SLOTS :]

    brand_at = _positions(words.brands, families, slot[_Slot.BRAND], 0.75, skewed=True)
    head = np.where(generic[:, None], words.generics[family_pools], words.heads[pools])
    code = slot[_Slot.CODE]
    places = np.zeros((CHUNK_ROWS, len(_Slot)), dtype=np.int64)
    for which, positions in (
        (_Slot.LEAD, _positions(words.leads, languages, slot[_Slot.LEAD], 0.15)),
        (_Slot.HEAD, _within(head, slot[_Slot.HEAD] ** 2, 1.0)),
        (_Slot.BRAND, brand_at),
        (
            _Slot.MODEL,
            np.where(brand_at < 0, -1, _positions(words.models, brand_at, slot[_Slot.MODEL], 0.7, skewed=True)),
        ),
        (_Slot.CODE, _positions(words.codes, np.zeros_like(languages), code, 0.12)),
        (_Slot.FEATURE, _positions(words.features, feature_pools, slot[_Slot.FEATURE], 0.75)),
        (_Slot.TALK, _positions(words.talk, family_pools, slot[_Slot.TALK], 0.5)),
        (_Slot.TALK_TOO, _positions(words.talk, family_pools, slot[_Slot.TALK_TOO], 0.15)),
        (_Slot.SIZE, _positions(words.sizes, pools, slot[_Slot.SIZE], 0.45)),
        (_Slot.COLOUR, _positions(words.colours, languages, slot[_Slot.COLOUR], 0.3)),
        (_Slot.TAIL, _positions(words.tails, languages, slot[_Slot.TAIL], 0.2)),
    ):
        places[:, which] = np.where(positions < 0, 0, words.flat[positions])
    written = places + (_writings(drawn) * words.phrases)
    model_number = (slot[_Slot.NUMBER] * NUMBERS).astype(np.int64) + len(words.table) - NUMBERS
    written[:, _Slot.NUMBER] = np.where(code < 0.12, model_number, 0)
    return written


def _positions(pools: Pool, which: Numbers, drawn: Uniforms, chance: float, skewed: bool = False) -> Numbers:
    """A position in `Vocabulary.flat` for each row, or -1 for nothing, with probability 1 - `chance`."""
    scaled = drawn / chance
    return _within(pools[which], scaled * scaled if skewed else scaled, 1.0)


def _within(spans: Pool, drawn: Uniforms, chance: float) -> Numbers:
    inside = spans[:, 0] + (drawn * spans[:, 1]).astype(np.int64)
    return np.where((drawn < chance) & (spans[:, 1] > 0), inside, -1)


def _writings(drawn: Uniforms) -> Numbers:
    """How each title's phrases are written, shape (rows, slots): all in the same way, with at most one typo."""
    case = np.searchsorted(
        np.array([_UPPER_FRACTION, _UPPER_FRACTION + _LOWER_FRACTION]), drawn[_Draw.CASE], side="right"
    )
    case = (case + 1) % CASES
    ways = np.repeat(writing(case, drawn[_Draw.ACCENTS] < _ACCENTS_LOST_FRACTION)[:, None], len(_Slot), axis=1)
    slips = np.flatnonzero(drawn[_Draw.TYPO] < _TYPO_FRACTION)
    chance = drawn[_Draw.TYPO][slips] / _TYPO_FRACTION * len(_Slot)
    slots = chance.astype(np.int64)
    ways[slips, slots] = typo_writing(case[slips], ((chance - slots) * TYPOS).astype(np.int64))
    return ways
