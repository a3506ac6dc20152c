"""Delayed accuracy: how accurate the champion was on scored titles, by day, once labels have arrived.

The stored results are read again, chunk by chunk, and joined with the labels. Titles in the
champion's own listings do not count, because it was trained on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meli_tasks.artifacts.cache import Cache, download
from meli_tasks.artifacts.manifest import find
from meli_tasks.core.drift import FEWEST_TITLES
from meli_tasks.monitoring.accuracy import Accuracy, accuracy_of
from meli_tasks.monitoring.labels import Hashes, Labels, columns_of, hashes_of, keys_of
from meli_tasks.monitoring.reference import listings_file
from meli_tasks.monitoring.scored import ScoredDay
from meli_tasks.monitoring.standard import Standard
from meli_tasks.rowfiles.columns import CATEGORY, TITLE
from meli_tasks.rowfiles.reading import RowFile
from meli_tasks.scoring.planning import SCORE
from meli_tasks.scoring.records import BatchRecord, PartResult

_NONE = -1


@dataclass
class _Matches:
    """The labels of one table that match scored titles of a day: for each label, the prediction and the title."""

    labels: Labels
    predicted: NDArray[np.int32] = field(init=False)
    titles: Hashes = field(init=False)

    def __post_init__(self) -> None:
        self.predicted = np.full(len(self.labels.hashes), _NONE, np.int32)
        self.titles = np.zeros(len(self.labels.hashes), np.uint64)

    @property
    def places(self) -> NDArray[np.int64]:
        """The positions of the labels that match a title."""
        return np.flatnonzero(self.predicted != _NONE)


@dataclass
class _Day:
    """The matches of one day by table, and the names of the predicted categories."""

    matches: list[_Matches]
    names: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)

    def add(self, match: _Matches, keys: Sequence[str], titles: Sequence[str], predicted: Sequence[str | None]) -> None:
        """Join some rows with the labels of a table."""
        places = match.labels.places(keys)
        rows = np.flatnonzero(places != _NONE)
        for row in rows.tolist():
            name = predicted[row] or ""
            number = self.numbers.setdefault(name, len(self.names))
            if number == len(self.names):
                self.names.append(name)
            match.predicted[places[row]] = number
        match.titles[places[rows]] = hashes_of([titles[row] for row in rows.tolist()])


def delayed_accuracy(
    standard: Standard, days: Sequence[ScoredDay], tables: Sequence[Labels], today: date
) -> list[Accuracy]:
    """The champion's accuracy on the scored titles of each day that have a label.

    Args:
        standard: The champion.
        days: What it scored.
        tables: The labels; those of a later table replace those of an earlier one.
        today: The date up to which labels had time to arrive.
    """
    found = [_joined(standard, day, tables) for day in days]
    trained = _trained(standard, found)
    return [_accuracy(standard, day, each, trained, today) for day, each in zip(days, found, strict=True)]


def _joined(standard: Standard, day: ScoredDay, tables: Sequence[Labels]) -> _Day:
    found = _Day([_Matches(table) for table in tables])
    for record in day.records if found.matches else ():
        for path in _results(standard, record):
            with RowFile(path) as file:
                columns = (TITLE, CATEGORY, *(match.labels.column for match in found.matches))
                for texts, predicted, *others in columns_of(file, columns):
                    titles = keys_of(TITLE, texts)
                    for match, keys in zip(found.matches, others, strict=True):
                        found.add(match, keys_of(match.labels.column, keys), titles, predicted)
    return found


def _results(standard: Standard, record: BatchRecord) -> Iterator[Path]:
    """The results of a batch's parts, one after the other in a folder that is removed."""
    cache = Cache(standard.settings.cache.absolute(), standard.settings.cache_gigabytes)
    for part in record.parts:
        manifest = find(standard.store, SCORE, part.key) if part.rows else None
        file = PartResult.model_validate(manifest.summary).file if manifest else ""
        if manifest and file:
            with cache.work_folder() as work:
                path = work / Path(file).name
                download(standard.store, manifest, file, path)
                yield path


def _trained(standard: Standard, days: Sequence[_Day]) -> Hashes:
    """Those of the matched titles that are among the champion's listings, sorted."""
    matched = [match.titles[match.places] for day in days for match in day.matches]
    wanted = np.unique(np.concatenate(matched)) if matched else np.empty(0, np.uint64)
    if not len(wanted):
        return wanted
    import pyarrow.parquet as pq

    hits = []
    with pq.ParquetFile(listings_file(standard.settings, standard.store, standard.listings)) as file:
        for batch in file.iter_batches(columns=[TITLE], use_threads=False):
            hits.append(np.intersect1d(wanted, hashes_of(batch.column(TITLE).to_pylist())))
    return np.unique(np.concatenate(hits)) if hits else np.empty(0, np.uint64)


def _accuracy(standard: Standard, day: ScoredDay, found: _Day, trained: Hashes, today: date) -> Accuracy:
    pairs: dict[int, tuple[str, str]] = {}
    for match in found.matches:
        new = match.places[~np.isin(match.titles[match.places], trained)]
        sample = new[np.argsort(match.titles[new])][: standard.settings.monitoring_titles]
        for place in sample.tolist():
            label = match.labels.categories[match.labels.codes[place]]
            pairs[int(match.titles[place])] = label, found.names[match.predicted[place]]
    coverage = Accuracy(
        scored=sum(record.profile.titles for record in day.records),
        labelled=_titles(found, lambda titles: titles[~np.isin(titles, trained)]),
        in_training=_titles(found, lambda titles: titles[np.isin(titles, trained)]),
        days=max(0, (today - date.fromisoformat(day.day)).days),
    )
    if len(pairs) < FEWEST_TITLES:
        return coverage.model_copy(update={"missing": coverage.coverage})
    labels, predicted = zip(*pairs.values(), strict=True)
    nights, known = standard.settings.monitoring_nights, standard.classifier.categories
    judged = accuracy_of(labels, predicted, known, standard.champion, nights)
    kept = coverage.model_dump(include={"scored", "labelled", "in_training", "days"})
    return judged.model_copy(update=kept)


def later(accuracy: Accuracy, day: str, today: date) -> Accuracy:
    """The same result with the number of days up to today, if labels are still missing."""
    if not accuracy.missing:
        return accuracy
    waited = accuracy.model_copy(update={"days": max(0, (today - date.fromisoformat(day)).days)})
    return waited.model_copy(update={"missing": waited.coverage})


def _titles(found: _Day, which: Callable[[Hashes], Hashes]) -> int:
    """The number of distinct titles with a label; an estimate if not all labels are kept."""
    titles = [which(match.titles[match.places]) for match in found.matches]
    distinct = len(np.unique(np.concatenate(titles))) if titles else 0
    estimates = (round(len(each) / match.labels.kept) for each, match in zip(titles, found.matches, strict=True))
    return max((distinct, *estimates))
