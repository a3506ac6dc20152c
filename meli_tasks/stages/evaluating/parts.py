"""Which titles the models are compared on, and with which model files: parts, each with titles and models of its own.

A run without folds has one part: its test split. With folds each is a part, and its models were trained without it; the
test split may be the only one. The titles of all parts form one set of titles, of which each part is a slice, so that
predictions and figures are those of all titles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from meli_tasks.core.errors import BadData
from meli_tasks.core.stage_parameters import TEST_SPLIT, ModelEvaluation
from meli_tasks.core.text.sketch import fingerprint_of, sketch_of
from meli_tasks.stages.evaluation import TestSet
from meli_tasks.stages.hooks import Inputs
from meli_tasks.stages.listings.test_titles import (
    Selection,
    TestTitles,
    as_test_titles,
    fitted_on,
    read_test_table,
    select,
    training_categories,
)
from meli_tasks.stages.summaries import UnseenCategories
from meli_tasks.wording import count

MODEL, LISTINGS, FOLD, FOLD_MODEL = "model:", "listings:", "fold:", "fold_model:"
_FILE = "listings.parquet"
_NAMED = 10


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
    """What is compared: the titles of all parts, in the order of the parts; each part has a model of every label.

    `models` are the folders of the models that may be promoted; with folds they predict none of the titles.
    """

    titles: TestTitles
    parts: tuple[Part, ...]
    models: Mapping[str, Path]
    labels: tuple[str, ...]
    chosen: TestSet
    """How the titles were chosen."""

    @classmethod
    def of(
        cls,
        found: Sequence[tuple[pa.Table, Mapping[str, Path], Path]],
        chosen: TestSet,
        models: Mapping[str, Path] | None = None,
    ) -> Compared:
        """Join parts, at least one: each a table of `read_test_table`, a folder for each label, and its listings.

        `models` has the models that may be promoted, if they are not those of the only part.
        """
        parts, start = [], 0
        for table, evaluating, listings in found:
            parts.append(Part(slice(start, start + len(table)), evaluating, listings))
            start += len(table)
        titles = as_test_titles(pa.concat_tables([table for table, _, _ in found]))
        categories = [titles.categories[label] for label in titles.labels]
        which = {"fingerprint": fingerprint_of(titles.titles, categories), "sketch": sketch_of(titles.titles)}
        own, labels = parts[0].models if models is None else models, tuple(parts[0].models)
        return cls(titles, tuple(parts), own, labels, chosen.model_copy(update=which))


def read_parts(inputs: Inputs, params: ModelEvaluation) -> Compared:
    """The titles that no compared model was fitted on: of the test split, or of each fold.

    Raises:
        BadData: there are no test titles, or no titles that a model was not fitted on.
    """
    if params.folds:
        return _read_folds(inputs, params)
    listings, models = inputs["ingest"] / _FILE, named(inputs, MODEL)
    table = read_test_table(listings)
    selection, chosen = _choose(table, inputs, params)
    part = table.filter(pa.array(selection.unseen))
    return Compared.of([(part, {label: models[label] for label in selection.labels}, listings)], chosen)


def _read_folds(inputs: Inputs, params: ModelEvaluation) -> Compared:
    """Each fold with the models that were trained without it; a model that has none of them predicts all folds itself.

    Which titles such a model was fitted on is looked up in all folds together, so that all models keep the same titles.
    """
    folds = range(1, params.folds + 1)
    listings = {fold: inputs[f"{FOLD}{fold}"] / _FILE for fold in folds}
    tables = [read_test_table(path) for path in listings.values()]
    whole = pa.concat_tables(tables)
    rows = pq.read_metadata(inputs["ingest"] / _FILE).num_rows
    if params.folds > TEST_SPLIT and len(whole) != rows:
        raise BadData(
            f"The {params.folds} folds have {count(len(whole), 'title')}, but the listings have {rows:,}: the folds "
            "were not made of these listings. Run the stage `ingest` again with `force`."
        )
    selection, chosen = _choose(whole, inputs, params)
    chosen = chosen.model_copy(
        update={
            "folds": params.folds,
            "untrained": _untrained(dict(zip(listings.values(), tables, strict=True))),
            "without_ensemble": params.without_ensemble,
        }
    )
    own, found, start = named(inputs, MODEL), [], 0
    for fold, table in zip(folds, tables, strict=True):
        unseen = pa.array(selection.unseen[start : start + len(table)])
        models = {label: inputs.get(f"{FOLD_MODEL}{fold}:{label}", own[label]) for label in selection.labels}
        found.append((table.filter(unseen), models, listings[fold]))
        start += len(table)
    return Compared.of(found, chosen, {label: own[label] for label in selection.labels})


def _choose(table: pa.Table, inputs: Inputs, params: ModelEvaluation) -> tuple[Selection, TestSet]:
    """Choose the models and the titles of a table on which they are compared."""
    labels = list(named(inputs, MODEL))
    fitted = fitted_on(table["title"].to_pylist(), named(inputs, LISTINGS))
    selection = select(labels, len(table), fitted)
    chosen = TestSet(
        split_titles=len(table),
        titles=int(selection.unseen.sum()),
        required=selection.required,
        fitted={label: fitted.titles(label) for label in labels if label in fitted.marks},
        unread=params.unread,
        not_scored={
            label: why + _advice(params.other_folds.get(label, 0)) for label, why in selection.not_scored.items()
        },
    )
    return selection, chosen


def _advice(folds: int) -> str:
    if not folds:
        return ""
    return (
        f" It was promoted by a run with {count(folds, 'fold')} and trained on all its titles: a run with folds = "
        f"{folds} can compare it on these."
    )


def _untrained(folds: Mapping[Path, pa.Table]) -> UnseenCategories:
    """The titles of the folds, by their listings, whose category none of their training titles has."""
    titles: Counter[str] = Counter()
    for listings, table in folds.items():
        known = training_categories(listings)
        tested = table["category"].value_counts().to_pylist()
        titles.update({item["values"]: item["counts"] for item in tested if item["values"] not in known})
    return UnseenCategories(titles=titles.total(), categories=len(titles), first=tuple(sorted(titles)[:_NAMED]))


def named(inputs: Inputs, prefix: str) -> dict[str, Path]:
    """The inputs whose names begin with a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): path for name, path in sorted(inputs.items()) if name.startswith(prefix)}
