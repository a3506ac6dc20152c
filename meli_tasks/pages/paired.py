"""How sure it is that one of two models is better: the paired comparison of their predictions for the same titles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.core.errors import NotFound
from meli_tasks.pages.models import Gain
from meli_tasks.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PREDICTIONS = "predictions.parquet"
MAX_BYTES = 200_000_000  # of a file of predictions: tens of millions of titles


@dataclass(frozen=True)
class Tested:
    """A model in an evaluation: its label there."""

    evaluate: Manifest
    label: str


@dataclass(frozen=True)
class Answers:
    """The rows of the test titles in the listings, ascending, their categories, and which were predicted correctly."""

    rows: NDArray[np.int64]
    categories: NDArray[np.object_]
    correct: NDArray[np.bool_]


class PairedGains:
    """The gains between pairs of models. What an attempt wrote never changes, so each gain is calculated once."""

    ROOM = 1_000

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[tuple[str, str, str, str], Gain | None] = {}

    def gain(self, left: Tested, right: Tested) -> Gain | None:
        """The gain in balanced accuracy of the right model over the left one, with its 95 % interval.

        None if it cannot be calculated: the predictions are no longer in the store, or not for the same titles.
        """
        key = (*_name(left), *_name(right))
        if key not in self._known:
            if len(self._known) >= self.ROOM:
                self._known.clear()
            self._known[key] = self._calculate(left, right)
        return self._known[key]

    def _calculate(self, left: Tested, right: Tested) -> Gain | None:
        # Heavy, and of use to this comparison only.
        import numpy as np

        from meli_tasks.core.decisions import comparison, difference

        one, other = self._answers(left), self._answers(right)
        if one is None or other is None or not np.array_equal(one.rows, other.rows):
            return None
        _, labels = np.unique(one.categories, return_inverse=True)
        found = comparison(difference(labels, one.correct, other.correct))
        return Gain(value=found.gain, interval=found.interval, probability=found.probability)

    def _answers(self, tested: Tested) -> Answers | None:
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq

        manifest, label = tested.evaluate, tested.label
        output = manifest.outputs.get(PREDICTIONS)
        if output is None or output.bytes > MAX_BYTES:
            return None
        with TemporaryDirectory() as folder:
            path = Path(folder) / PREDICTIONS
            try:
                self._store.download(manifest.file_name(PREDICTIONS), path)
            except NotFound:  # the store was tidied up
                return None
            if not {"row", "category", label} <= set(pq.read_schema(path).names):
                return None
            table = pq.read_table(path, columns=["row", "category", label])
        rows = table["row"].to_numpy()
        order = np.argsort(rows)
        # Categories are stored as positions in a list of names, which may differ between two evaluations.
        true, predicted = (table[name].cast(pa.string()).to_numpy()[order] for name in ("category", label))
        return Answers(rows[order], true, true == predicted)


def _name(tested: Tested) -> tuple[str, str]:
    """The predictions' name in the store, which has the attempt in it, and the label."""
    return tested.evaluate.file_name(PREDICTIONS), tested.label
