"""The test titles whose label is probably wrong, as a table for whoever corrects labels."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from meli_tasks.core.confident_learning import Suspects, find_suspects
from meli_tasks.rowfiles.text import harmless, printable
from meli_tasks.stages.evaluating.predictions import Predictions
from meli_tasks.stages.evaluation import Evaluation
from meli_tasks.stages.listings.test_titles import TestTitles

FILE = "suspect_labels.csv"
COLUMNS = (
    "row", "title", "language", "category", "suggested_category", "probability_of_category", "probability_of_suggested"
)  # fmt: skip


def suspects_of(titles: TestTitles, predicted: Predictions) -> Suspects:
    """The titles whose label is probably wrong, judged by one model."""
    return find_suspects(
        titles.labels,
        predicted.true_probabilities,
        np.stack([predicted.categories, predicted.second], axis=1),
        np.stack([predicted.probabilities, predicted.second_probabilities], axis=1),
    )


def judge(evaluations: Mapping[str, Evaluation], validation: Mapping[str, float]) -> str:
    """The label of the model that judges the labels: the best on the validation titles, else on the test titles."""
    known = {label: validation[label] for label in evaluations if label in validation}
    figures = known or {label: found.accuracy or 0.0 for label, found in evaluations.items()}
    return max(sorted(figures), key=lambda label: figures[label])


def write_suspects(
    path: Path, titles: TestTitles, categories: Sequence[str], predicted: Predictions, suspects: Suspects
) -> None:
    """Write a row per suspect title, the most suspect first. A text that a spreadsheet would run gets a quote."""
    text = io.StringIO(newline="")
    # Everything is quoted: Python 3.11 leaves a lone carriage return unquoted.
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(COLUMNS)
    rows = titles.rows.to_numpy()
    for place, suggested, probability in zip(*_plain(suspects), strict=True):
        names = (categories[titles.labels[place]], categories[suggested])
        cells = (harmless(printable(text)) for text in (titles.titles[place], titles.languages[place], *names))
        of_label = float(predicted.true_probabilities[place])
        writer.writerow([int(rows[place]), *cells, round(of_label, 6), round(probability, 6)])
    path.write_bytes(text.getvalue().encode())


def _plain(suspects: Suspects) -> tuple[list[int], list[int], list[float]]:
    return suspects.titles.tolist(), suspects.suggested.tolist(), suspects.probabilities.tolist()
