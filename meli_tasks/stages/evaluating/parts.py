"""Which titles the models are compared on, and with which model files: parts, each with titles and models of its own.

A run without folds has one part: its test split. The titles of all parts form one set of titles, of which each part is
a slice, so that predictions and figures are those of all titles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from meli_tasks.core.hyperparameters import ModelEvaluation
from meli_tasks.core.text.sketch import fingerprint_of, sketch_of
from meli_tasks.stages.evaluation import TestSet
from meli_tasks.stages.hooks import Inputs
from meli_tasks.stages.listings.test_titles import TestTitles, as_test_titles, fitted_on, read_test_table, select

MODEL, LISTINGS = "model:", "listings:"


@dataclass(frozen=True)
class Part:
    """Some of the titles, and the folder of each label's model that evaluates them.

    `place` are the part's titles among all, `listings` is the file with the titles that its models were trained on.
    """

    place: slice
    models: Mapping[str, Path]
    listings: Path


@dataclass(frozen=True)
class Compared:
    """What is compared: the titles of all parts, in the order of the parts; each part has a model of every label."""

    titles: TestTitles
    parts: tuple[Part, ...]
    labels: tuple[str, ...]
    chosen: TestSet
    """How the titles were chosen."""

    @classmethod
    def of(cls, found: Sequence[tuple[pa.Table, Mapping[str, Path], Path]], chosen: TestSet) -> Compared:
        """Join parts, at least one: each a table of `read_test_table`, a folder for each label, and its listings."""
        parts, start = [], 0
        for table, models, listings in found:
            parts.append(Part(slice(start, start + len(table)), models, listings))
            start += len(table)
        titles = as_test_titles(pa.concat_tables([table for table, _, _ in found]))
        categories = [titles.categories[label] for label in titles.labels]
        which = {"fingerprint": fingerprint_of(titles.titles, categories), "sketch": sketch_of(titles.titles)}
        return cls(titles, tuple(parts), tuple(parts[0].models), chosen.model_copy(update=which))


def read_parts(inputs: Inputs, params: ModelEvaluation) -> Compared:
    """The only part of a run without folds: the titles of the test split that no compared model was fitted on.

    Raises:
        BadData: there are no test titles, or no titles that a model was not fitted on.
    """
    listings, models = inputs["ingest"] / "listings.parquet", named(inputs, MODEL)
    table = read_test_table(listings)
    fitted = fitted_on(table["title"].to_pylist(), named(inputs, LISTINGS))
    selection = select(list(models), len(table), fitted)
    chosen = TestSet(
        split_titles=len(table),
        titles=int(selection.unseen.sum()),
        required=selection.required,
        fitted={label: fitted.titles(label) for label in models if label in fitted.marks},
        unread=params.unread,
        not_scored=selection.not_scored,
    )
    part = table.filter(pa.array(selection.unseen))
    return Compared.of([(part, {label: models[label] for label in selection.labels}, listings)], chosen)


def named(inputs: Inputs, prefix: str) -> dict[str, Path]:
    """The inputs whose names begin with a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): path for name, path in sorted(inputs.items()) if name.startswith(prefix)}
