"""What a model predicted for each test title, and the titles themselves: the examples behind a confusion.

Both are read from the artifacts' Parquet files. Only the columns and rows that are needed are kept, and only of a few
evaluations at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.core.errors import NotFound
from meli_tasks.pages.evaluation_files import LISTINGS, PREDICTIONS, EvaluationFiles, room_for
from meli_tasks.pages.one_model import ConfusedTitle, ConfusedTitles
from meli_tasks.stages.figures import Confusion
from meli_tasks.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

ROOM = 64_000_000  # bytes of predictions, and as many of titles: those of about a million test titles
MOST_KEPT_TITLES = 1_000_000  # of more test titles only those that are shown are read
MOST_PAIRS = 100


class PredictedTitles:
    """The predictions of evaluated models and the titles that they are for. Safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        self._files = EvaluationFiles(store, "to display its titles")
        self._predictions, self._titles = room_for(ROOM), room_for(ROOM)

    def pairs(self, evaluate: Manifest, label: str, of: str = "") -> list[Confusion]:
        """The most confused pairs, for evaluations that did not store them; or those that contain one category.

        Args:
            evaluate: The evaluation of the model.
            label: The model's name in the evaluation.
            of: A category: the pairs whose titles are of it, or are put into it. Empty for all categories.

        Raises:
            NotFound: the predictions are no longer in the store.
        """
        import pyarrow.compute as pc

        table = self._predictions_of(evaluate, label)
        of_titles = {row["category"]: row["category_count"] for row in _counts(table, ["category"])}
        wrong = table.filter(pc.not_equal(table["category"], table["predicted"]))
        if of:
            wrong = wrong.filter(pc.or_(pc.equal(wrong["category"], of), pc.equal(wrong["predicted"], of)))
        counts = sorted(
            _counts(wrong, ["category", "predicted"]),
            key=lambda row: (-row["category_count"], row["category"], row["predicted"]),
        )
        return [
            Confusion(
                category=row["category"],
                predicted=row["predicted"],
                titles=row["category_count"],
                of_titles=of_titles[row["category"]],
            )
            for row in counts[:MOST_PAIRS]
        ]

    def titles(
        self, evaluate: Manifest, ingest: Manifest, label: str, pair: tuple[str, str], limit: int
    ) -> ConfusedTitles:
        """The titles of the first category of a pair that the model put into the second one.

        Args:
            evaluate: The evaluation of the model.
            ingest: The listings that its test titles are from.
            label: The model's name in the evaluation.
            pair: The category of the titles, and the predicted one.
            limit: The most titles to return; those that the model was surest of come first.

        Raises:
            NotFound: the predictions or the listings are no longer in the store.
        """
        import pyarrow.compute as pc

        table = self._predictions_of(evaluate, label)
        both = pc.and_(pc.equal(table["category"], pair[0]), pc.equal(table["predicted"], pair[1]))
        found = table.filter(both).sort_by([("probability", "descending"), ("row", "ascending")])
        first = found.slice(0, limit)
        shown = first.to_pylist()
        many = table.num_rows > MOST_KEPT_TITLES
        texts = self._some_titles(ingest, first["row"]) if many else self._titles_of(evaluate, ingest, table["row"])
        wanted = texts.filter(pc.is_in(texts["row"], value_set=first["row"].combine_chunks()))
        by_row = dict(zip(wanted["row"].to_pylist(), wanted["title"].to_pylist(), strict=True))
        return ConfusedTitles(
            category=pair[0],
            predicted=pair[1],
            titles=found.num_rows,
            shown=[
                ConfusedTitle(
                    row=one["row"],
                    title=by_row.get(one["row"], ""),
                    probability=one["probability"],
                    true_probability=one["true_probability"],
                )
                for one in shown
            ],
        )

    def _predictions_of(self, evaluate: Manifest, label: str) -> pa.Table:
        """One model's predictions: row, category, predicted, probability and true_probability."""
        key = (evaluate.file_name(PREDICTIONS), label)
        return self._files.kept(self._predictions, key, lambda: self._read_predictions(evaluate, label))

    def _read_predictions(self, evaluate: Manifest, label: str) -> pa.Table:
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = {
            "row": "row",
            "category": "category",
            "predicted": label,
            "probability": f"{label}_probability",
            "true_probability": f"{label}_true_probability",
        }
        with self._files.downloaded(evaluate, PREDICTIONS) as path:
            stored = set(pq.read_schema(path).names)
            if label not in stored:
                raise NotFound(f"{evaluate.file_name(PREDICTIONS)} has no predictions of {label}.")
            table = pq.read_table(path, columns=[name for name in columns.values() if name in stored])
        missing = pa.nulls(table.num_rows, pa.float32())  # an earlier version did not write every probability
        found = {name: table[column] if column in stored else missing for name, column in columns.items()}
        # Categories are stored as positions in a list of names; as text the two columns can be compared.
        return pa.table(found | {name: found[name].cast(pa.string()) for name in ("category", "predicted")})

    def _titles_of(self, evaluate: Manifest, ingest: Manifest, rows: pa.ChunkedArray) -> pa.Table:
        """The test titles of an evaluation, with their rows in the listings."""
        key = evaluate.file_name(PREDICTIONS)
        return self._files.kept(self._titles, key, lambda: self._read_titles(ingest, rows))

    def _some_titles(self, ingest: Manifest, rows: pa.ChunkedArray) -> pa.Table:
        with self._files.reading:
            return self._read_titles(ingest, rows)

    def _read_titles(self, ingest: Manifest, rows: pa.ChunkedArray) -> pa.Table:
        """The titles of these rows of the listings."""
        import pyarrow.parquet as pq

        with self._files.downloaded(ingest, LISTINGS) as path:
            # Row groups whose rows are all others are not even decompressed.
            return pq.read_table(path, columns=["row", "title"], filters=[("row", "in", rows.to_pylist())])


def _counts(table: pa.Table, columns: Sequence[str]) -> list[dict[str, Any]]:
    """How often each combination of values occurs, as `category_count`."""
    counted: list[dict[str, Any]] = table.group_by(list(columns)).aggregate([("category", "count")]).to_pylist()
    return counted
