"""The slices of the titles: by what they are, and by what a model knows of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from meli_tasks.core import metrics
from meli_tasks.core.stage_parameters import Evaluate
from meli_tasks.stages.evaluating.parts import Compared
from meli_tasks.stages.figures import SliceAccuracy

LANGUAGE, LABEL_QUALITY, CATEGORY_SIZE = "language", "label_quality", "category_size"
TITLE_LENGTH, UNKNOWN_WORDS, NEWEST_DAY = "title_length", "unknown_words", "newest_day"
EARLIER, OTHERS = "earlier", "(all others)"
MOST_VALUES = 50
"""Values of a column that are a slice each: a language that is free text has thousands."""

# Each bin ends with its limit.
_SIZES = ((0, "0"), (20, "1-20"), (50, "21-50"), (100, "51-100"), (500, "101-500"), (None, "over 500"))
_WORDS = ((3, "1-3"), (5, "4-5"), (7, "6-7"), (9, "8-9"), (12, "10-12"), (None, "over 12"))
_UNKNOWN = ((0, "0 %"), (0.2, "up to 20 %"), (0.4, "20-40 %"), (None, "over 40 %"))
_ROWS_AT_ONCE = 131_072

Limits = Sequence[tuple[float | None, str]]


@dataclass(frozen=True)
class Slicing:
    """One kind of slices: `places` (n,) is the slice of each title, a position in `names`."""

    names: Sequence[str]
    places: NDArray[np.integer]

    @classmethod
    def by_value(cls, values: Sequence[str]) -> Slicing:
        """A slice for each value; of very many, for the most frequent ones, and one for all others."""
        # NumPy would give every title the room of the longest value, and cut off NUL characters.
        ranked = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))
        names = sorted(name for name, _ in ranked[:MOST_VALUES])
        place_of = {name: place for place, name in enumerate(names)}
        places = np.fromiter((place_of.get(value, len(names)) for value in values), np.int64, len(values))
        return cls([*names, OTHERS], places)

    @classmethod
    def by_size(cls, values: NDArray[np.number], limits: Limits) -> Slicing:
        """A slice for each limit: the values up to it, and above the one before."""
        return cls(
            [name for _, name in limits], np.searchsorted([most for most, _ in limits if most is not None], values)
        )

    def figures(
        self, labels: NDArray[np.integer], correct: NDArray[np.bool_], params: Evaluate
    ) -> dict[str, SliceAccuracy]:
        """The accuracy of each slice that has titles."""
        found = {}
        for place in np.unique(self.places):
            inside = self.places == place
            found[self.names[place]] = _accuracy(labels[inside], correct[inside], params)
        return found


def slicings_of(compared: Compared) -> dict[str, Slicing]:
    """The kinds of slices that are the same for every model."""
    titles = compared.titles
    sizes = np.zeros(len(titles.titles), np.int64)
    for part in compared.parts:
        rows = train_rows(part.listings)
        sizes[part.place] = np.array([rows[name] for name in titles.categories])[titles.labels[part.place]]
    words = np.array([len(title.split()) for title in titles.titles])
    found = {
        LANGUAGE: Slicing.by_value(titles.languages),
        LABEL_QUALITY: Slicing.by_value(titles.label_qualities),
        CATEGORY_SIZE: Slicing.by_size(sizes, _SIZES),
        TITLE_LENGTH: Slicing.by_size(words, _WORDS),
    }
    return found if titles.days is None else {**found, NEWEST_DAY: by_newest_day(titles.days)}


def by_newest_day(days: Sequence[str]) -> Slicing:
    """The titles of the newest day of all, and the earlier ones; days in ISO 8601."""
    newest = max(days)
    return Slicing([newest, EARLIER], np.array([int(day != newest) for day in days]))


def by_unknown_words(fractions: NDArray[np.float32]) -> Slicing:
    """By the fraction of a title's words that the model does not know, shape (n,)."""
    # A fifth of 32 bits is a bit more than one of 64.
    return Slicing.by_size(fractions.astype(np.float64).round(6), _UNKNOWN)


def train_rows(listings: Path) -> Counter[str]:
    """The number of titles of each category in the train split."""
    found: Counter[str] = Counter()
    with pq.ParquetFile(listings) as file:
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=["category", "split"]):
            counted = batch.filter(pc.equal(batch["split"], "train"))["category"].value_counts()
            found.update(
                dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))
            )
    return found


def _accuracy(labels: NDArray[np.integer], correct: NDArray[np.bool_], params: Evaluate) -> SliceAccuracy:
    return SliceAccuracy(
        balanced_accuracy=float(metrics.recalls(labels, correct).values.mean()),
        titles=len(labels),
        accuracy=float(correct.mean()),
        interval=metrics.bootstrap_interval(labels, correct, samples=params.bootstrap_samples, seed=params.seed),
    )
