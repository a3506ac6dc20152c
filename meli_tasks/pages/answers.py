"""What models answered to their test titles, and which of these titles several models have in common.

The answers are read from the predictions that evaluations stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.core.errors import NotFound
from meli_tasks.pages.evaluation_files import LISTINGS, PREDICTIONS, EvaluationFiles, room_for
from meli_tasks.store import Store

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

ROOM = 64_000_000  # bytes: about four million answers


@dataclass(frozen=True)
class Tested:
    """A model in an evaluation: its label there. `ingest` are the listings of the titles, None if they are gone."""

    evaluate: Manifest
    label: str
    ingest: Manifest | None = None


@dataclass(frozen=True)
class Answers:
    """The rows of the test titles in the listings, ascending; `true` and `predicted` are positions in `names`."""

    rows: NDArray[np.int64]
    names: tuple[str, ...]
    true: NDArray[np.int64]
    predicted: NDArray[np.int64]

    @property
    def nbytes(self) -> int:
        """What it takes of the memory, more or less."""
        return int(self.rows.nbytes + self.true.nbytes + self.predicted.nbytes)


@dataclass(frozen=True)
class Together:
    """The answers of several models to the titles that all of them were tested on, in one order of the titles."""

    names: tuple[str, ...]
    true: NDArray[np.int64]
    predicted: tuple[NDArray[np.int64], ...]


class StoredAnswers:
    """Reads the answers of models. Safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        self._files = EvaluationFiles(store, "to be compared here")
        self._kept = room_for(ROOM)

    def same_titles(self, tested: Sequence[Tested]) -> Together | None:
        """The answers of models that were tested on the same titles of the same listings; None if they were not.

        Raises:
            NotFound: the predictions are no longer in the store, or too large to be read here.
        """
        import numpy as np

        found = [self._answers(one) for one in tested]
        if not all(np.array_equal(found[0].rows, other.rows) for other in found[1:]):
            return None
        return _together(found, [one.rows for one in found])

    def common_titles(self, tested: Sequence[Tested]) -> Together:
        """The answers of models to the titles that all of them were tested on, in whichever listings.

        A title is the same if its letters and its category are: titles that differ only in case, accents or white
        space are one. It may have no titles at all.

        Raises:
            NotFound: the predictions or the listings are no longer in the store, or too large to be read here.
        """
        found = [self._answers(one) for one in tested]
        keys = [self._title_keys(one, answers) for one, answers in zip(tested, found, strict=True)]
        return _together(found, keys)

    def _answers(self, tested: Tested) -> Answers:
        key = (tested.evaluate.file_name(PREDICTIONS), tested.label)
        answers: Answers = self._files.kept(self._kept, key, lambda: self._read_answers(tested))
        return answers

    def _read_answers(self, tested: Tested) -> Answers:
        import numpy as np
        import pyarrow.parquet as pq

        name = tested.evaluate.file_name(PREDICTIONS)
        with self._files.downloaded(tested.evaluate, PREDICTIONS) as path:
            if not {"row", "category", tested.label} <= set(pq.read_schema(path).names):
                raise NotFound(f"{self._files.store.url}/{name} has no predictions of {tested.label}.")
            table = pq.read_table(path, columns=["row", "category", tested.label])
        rows = table["row"].to_numpy()
        order = np.argsort(rows)
        # Categories are stored as positions in a list of names, which may differ between two evaluations.
        (first, true), (second, predicted) = (_positions(table[name]) for name in ("category", tested.label))
        names = np.union1d(first, second)
        true, predicted = np.searchsorted(names, first)[true], np.searchsorted(names, second)[predicted]
        return Answers(rows[order], tuple(map(str, names)), true[order], predicted[order])

    def _title_keys(self, tested: Tested, answers: Answers) -> NDArray[np.uint64]:
        """A hash of each title of the answers with its category."""
        import numpy as np

        from meli_tasks.core.text.splits import title_hashes

        key = (tested.evaluate.file_name(PREDICTIONS), "", "titles")
        titles: NDArray[np.uint64] = self._files.kept(
            self._kept, key, lambda: title_hashes(self._read_titles(tested, answers))
        )
        # An odd factor permutes the hashes, so a title and a category never stand for each other.
        return titles * np.uint64(0x9E3779B97F4A7C15) + title_hashes(answers.names)[answers.true]

    def _read_titles(self, tested: Tested, answers: Answers) -> list[str]:
        import numpy as np
        import pyarrow.parquet as pq

        if tested.ingest is None:
            raise NotFound(
                f"The listings with the test titles of {tested.label} are no longer in {self._files.store.url}."
            )
        with self._files.downloaded(tested.ingest, LISTINGS) as path:
            # Row groups whose rows are all others are not even decompressed.
            table = pq.read_table(path, columns=["row", "title"], filters=[("row", "in", answers.rows.tolist())])
        titles: list[str] = table["title"].take(np.argsort(table["row"].to_numpy())).to_pylist()
        if len(titles) != len(answers.rows):
            raise NotFound(
                f"{self._files.store.url}/{tested.ingest.file_name(LISTINGS)} does not have all test titles."
            )
        return titles


def _positions(column: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int64]]:
    """The names in a column, and the position of each value among them."""
    import numpy as np
    import pyarrow as pa

    encoded = column.cast(pa.string()).fill_null("").combine_chunks().dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _together(answers: Sequence[Answers], keys: Sequence[NDArray[Any]]) -> Together:
    """The answers to the titles whose keys all have. Of titles with one key the first is taken."""
    import numpy as np

    firsts = [np.unique(each, return_index=True) for each in keys]
    common = reduce(lambda one, other: np.intersect1d(one, other, assume_unique=True), [each for each, _ in firsts])
    names = np.array(sorted({name for each in answers for name in each.names}))
    predicted, true = [], np.zeros(0, np.int64)
    for each, (unique, first) in zip(answers, firsts, strict=True):
        at, translated = first[np.searchsorted(unique, common)], np.searchsorted(names, each.names)
        true = translated[each.true[at]]
        predicted.append(translated[each.predicted[at]])
    return Together(tuple(map(str, names)), true, tuple(predicted))
