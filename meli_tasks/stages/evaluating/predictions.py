"""What each model makes of the titles, and the file that keeps it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import normalize

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from meli_tasks.stages.evaluating.parts import Compared
from meli_tasks.stages.hooks import Log
from meli_tasks.stages.listings.test_titles import TestTitles

if TYPE_CHECKING:
    from meli_tasks.core.models.ensemble import Classifier

TOP = 5
# Few enough for the memory of any model's probabilities, and often enough for a report of progress.
CHUNK_TITLES = 4_096
NONE = -1


@dataclass(frozen=True)
class Predictions:
    """One model's predictions for the n titles; categories are positions in the shared list of categories.

    `second` (n,) is NONE for a model with a single category. `true_ranks` (n,) is how many categories are more probable
    than the true one, TOP if it is not among the TOP most probable. `true_probabilities` (n,) is 0 for a category that
    the model does not know. `unknown_words` (n,) is the fraction of a title's words that the model does not know.
    """

    categories: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    second: NDArray[np.int32]
    second_probabilities: NDArray[np.float32]
    true_probabilities: NDArray[np.float32]
    true_ranks: NDArray[np.uint8]
    unknown_words: NDArray[np.float32]

    @classmethod
    def empty(cls, titles: int) -> Predictions:
        """For this many titles, to be filled in."""
        return cls(
            np.empty(titles, np.int32),
            np.empty(titles, np.float32),
            np.full(titles, NONE, np.int32),
            np.zeros(titles, np.float32),
            np.empty(titles, np.float32),
            np.empty(titles, np.uint8),
            np.empty(titles, np.float32),
        )

    def among_top(self, count: int) -> NDArray[np.bool_]:
        """Whether the true category is among the `count` most probable ones, at most TOP, shape (n,)."""
        return self.true_ranks < count


class Predictor:
    """Lets models predict the categories of the titles; knows the categories of all models."""

    def __init__(self, compared: Compared, load: Callable[[Path], Classifier], log: Log) -> None:
        self._compared, self._load, self._log = compared, load, log
        # A category that only a model knows is appended, so a test category keeps its position.
        self.categories = list(compared.titles.categories)
        self._positions = {name: position for position, name in enumerate(self.categories)}

    def predict(self, label: str, promotable: Classifier) -> Predictions:
        """The predictions of a label's models, each for the titles of its part.

        `promotable` is the label's model that may be promoted, already loaded; it predicts the parts that it is for.
        """
        titles = self._compared.titles
        found, done, started = Predictions.empty(len(titles.titles)), 0, time.monotonic()
        own = self._compared.models[label]
        for part in self._compared.parts:
            model = promotable if part.models[label] == own else self._load(part.models[label])
            position_of = self._positions_of(model)
            for start in range(part.place.start, part.place.stop, CHUNK_TITLES):
                chunk = slice(start, min(start + CHUNK_TITLES, part.place.stop))
                _fill(found, chunk, model, position_of, titles)
                done += chunk.stop - chunk.start
                speed = round(done / max(time.monotonic() - started, 1e-9))
                self._log.progress(model=label, titles=done, of_titles=len(titles.titles), titles_per_second=speed)
        return found

    def _positions_of(self, model: Classifier) -> NDArray[np.int32]:
        """The position of each of the model's categories in the shared list."""
        # As listings have them since ingest composes accents; older models know a category as it was written.
        own = [normalize("NFC", name) for name in model.categories]
        for name in own:
            if self._positions.setdefault(name, len(self.categories)) == len(self.categories):
                self.categories.append(name)
        return np.array([self._positions[name] for name in own], np.int32)


def _fill(
    found: Predictions, chunk: slice, model: Classifier, position_of: NDArray[np.int32], titles: TestTitles
) -> None:
    """Write a model's predictions for some titles into `found`."""
    labels = titles.labels[chunk]
    own = np.full(max(len(titles.categories), position_of.max() + 1), NONE, np.int64)
    own[position_of] = np.arange(len(position_of))
    scored = model.score(titles.titles[chunk], own[labels], TOP)
    positions, first = position_of[scored.ranked], scored.probabilities[:, 0]
    is_true = positions == labels[:, None]
    found.categories[chunk], found.probabilities[chunk] = positions[:, 0], first
    if positions.shape[1] > 1:
        found.second[chunk], found.second_probabilities[chunk] = positions[:, 1], scored.probabilities[:, 1]
    # A model that knows a category in two spellings counts for the one that it predicts.
    found.true_probabilities[chunk] = np.where(is_true[:, 0], first, scored.true_probabilities)
    found.true_ranks[chunk] = np.where(is_true.any(axis=1), is_true.argmax(axis=1), TOP)
    found.unknown_words[chunk] = scored.unknown_words


def write_predictions(
    path: Path, titles: TestTitles, categories: list[str], predicted: Mapping[str, Predictions]
) -> None:
    """Write one row per title: its row in the listings, ascending, its category, and what each model makes of it."""
    names = pa.array(categories)

    def as_names(positions: NDArray[np.int32]) -> pa.DictionaryArray:
        return pa.DictionaryArray.from_arrays(pa.array(positions, mask=positions == NONE), names)

    columns = {"row": titles.rows, "category": as_names(titles.labels)}
    for label, found in predicted.items():
        columns[label] = as_names(found.categories)
        columns[f"{label}_probability"] = pa.array(found.probabilities)
        columns[f"{label}_second"] = as_names(found.second)
        columns[f"{label}_second_probability"] = pa.array(found.second_probabilities)
        columns[f"{label}_true_probability"] = pa.array(found.true_probabilities)
    pq.write_table(pa.table(columns).sort_by("row"), path, compression="zstd")
