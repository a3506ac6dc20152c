"""What a model gets wrong and how far its probabilities can be trusted: confusions, calibration, abstention, labels."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.report import charts, rows
from meli_tasks.report.blocks import (
    SCORES,
    Block,
    Cell,
    Chart,
    Charts,
    Column,
    LegendEntry,
    Table,
    Text,
    figure,
    not_available,
    pointer,
    whole,
)
from meli_tasks.report.charts import Axis, Line
from meli_tasks.report.comparison import pair_of
from meli_tasks.report.material import Material
from meli_tasks.stages.evaluation import Evaluation
from meli_tasks.stages.figures import Confusion

CONFUSIONS, EXAMPLES = 25, 3
SUSPECTS = 50
SUSPECT_LABELS = "suspect_labels.csv"
FRACTION = (-0.02, 1.02)
NO_MODEL = "Not available: no model was evaluated, or the evaluation was deleted."


def confusions(run: Material) -> Sequence[Block]:
    """The pairs of categories that the challenger (else the champion) confuses most, with titles of each."""
    pair = pair_of(run)
    if pair is None:
        return [Text(NO_MODEL, "warning")]
    label, found = pair.after, run.models[pair.after]
    blocks: list[Block] = [Text(f"By {label}: titles of the first category that it puts into the second.")]
    pairs = list(found.confusions[:CONFUSIONS]) or _counted(run, label, found)
    if not pairs:
        return [Text(f"{label} confuses no two categories.")]
    titles: Mapping[tuple[str, str], list[str]] = {}
    try:
        titles = _example_titles(run, label, [(one.category, one.predicted) for one in pairs])
    except (NotFound, BadData) as error:
        blocks.append(not_available(error, "example titles. "))
    table = [
        [
            Cell(one.category, strong=True),
            Cell(one.predicted),
            Cell(f"{one.titles:,} of {one.of_titles:,}" if one.of_titles else f"{one.titles:,}", one.titles, source),
            Cell("; ".join(titles.get((one.category, one.predicted), ()))),
        ]
        for one, source in zip(pairs, _sources(label, found, len(pairs)), strict=True)
    ]
    columns = (Column("category"), Column("predicted"), Column("titles", True), Column("for example"))
    return [*blocks, Table("Most confused pairs of categories", columns, table)]


def _sources(label: str, found: Evaluation, pairs: int) -> list[str]:
    stored = bool(found.confusions)
    return [pointer(SCORES, "models", label, "confusions", n, "titles") if stored else "" for n in range(pairs)]


def _counted(run: Material, label: str, found: Evaluation) -> list[Confusion]:
    """The same, counted in the predictions of an evaluation that does not record it."""
    if run.evaluation is None:
        raise NotFound("the evaluation was deleted")
    counts = rows.confused_pairs(run.store, run.evaluation, label)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:CONFUSIONS]
    totals = {name: each.titles for name, each in found.categories.items()}
    return [
        Confusion(category=true, predicted=predicted, titles=number, of_titles=totals.get(true, 0))
        for (true, predicted), number in ranked
    ]


def _example_titles(run: Material, label: str, pairs: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], list[str]]:
    if run.evaluation is None or run.ingest is None:
        raise NotFound(f"the {'evaluation was' if run.evaluation is None else 'listings were'} deleted")
    found = rows.examples(run.store, run.evaluation, label, pairs, EXAMPLES)
    titles = rows.titles_of(run.store, run.ingest, {row for each in found.values() for row in each})
    return {pair: [titles[row] for row in each if row in titles] for pair, each in found.items()}


def _compared(run: Material) -> list[str]:
    """The labels that charts of single models show: the champion before the run and the challenger."""
    pair = pair_of(run)
    return [label for label in (pair.before, pair.after) if label] if pair else []


def calibration(run: Material) -> Sequence[Block]:
    """The reliability diagram: how often predictions of about the same probability are right."""
    labels = [label for label in _compared(run) if run.models[label].reliability]
    if not labels:
        return [Text("Not measured." if _compared(run) else NO_MODEL, "note" if _compared(run) else "warning")]
    bins = {label: [one for one in run.models[label].reliability if one.titles] for label in labels}
    lines = [
        Line([one.probability for one in found], [one.accuracy for one in found], number)
        for number, found in enumerate(bins.values())
    ]
    table = [
        [
            Cell(label, strong=True),
            Cell(f"{one.lowest:.2f} to {one.highest:.2f}"),
            whole(one.titles, pointer(SCORES, "models", label, "reliability", number, "titles")),
            figure(one.probability, pointer(SCORES, "models", label, "reliability", number, "probability"), 3),
            figure(one.accuracy, pointer(SCORES, "models", label, "reliability", number, "accuracy"), 3),
        ]
        for label in labels
        for number, one in enumerate(run.models[label].reliability)
        if one.titles
    ]
    errors = [f"{label} {error:.4f}" for label in labels if (error := run.models[label].calibration_error) is not None]
    columns = (Column("model"), Column("probability"), Column("titles", True), Column("mean", True))
    chart = Chart(
        "Reliability diagram",
        charts.draw(lines, Axis("probability", FRACTION), Axis("fraction right", FRACTION), diagonal=True),
        "Predictions of about the same probability, and the fraction of them that is right. On the diagonal the "
        f"probabilities are exact; below it the model is too confident. Calibration error: {'; '.join(errors)}.",
        [LegendEntry(label, number) for number, label in enumerate(labels)],
        Table("Values of the chart", (*columns, Column("right", True)), table, folded="Values as a table"),
    )
    return [Text(chart.description), Charts([chart])]


def abstention(run: Material) -> Sequence[Block]:
    """What a model would get right if it abstained where it is not sure."""
    labels = [label for label in _compared(run) if run.models[label].abstention]
    if not labels:
        return [Text("Not measured." if _compared(run) else NO_MODEL, "note" if _compared(run) else "warning")]
    points = {label: run.models[label].abstention for label in labels}
    lines = [
        Line([one.coverage for one in found], [one.accuracy for one in found], number)
        for number, found in enumerate(points.values())
    ]
    table = [
        [
            Cell(label, strong=True),
            figure(one.threshold, pointer(SCORES, "models", label, "abstention", number, "threshold"), 3),
            figure(one.coverage, pointer(SCORES, "models", label, "abstention", number, "coverage"), 3),
            figure(one.accuracy, pointer(SCORES, "models", label, "abstention", number, "accuracy"), 4),
        ]
        for label, found in points.items()
        for number, one in enumerate(found)
    ]
    columns = (Column("model"), Column("threshold", True), Column("coverage", True), Column("accuracy", True))
    chart = Chart(
        "Coverage against accuracy",
        charts.draw(lines, Axis("fraction of titles with a prediction"), Axis("accuracy of these")),
        "A model that abstains where its prediction is less probable than a threshold answers fewer titles (to the "
        "left) and is right more often (upwards).",
        [LegendEntry(label, number) for number, label in enumerate(labels)],
        Table("Values of the chart", columns, table, folded="Values as a table"),
    )
    return [Text(chart.description), Charts([chart])]


def suspect_labels(run: Material) -> Sequence[Block]:
    """The titles whose label is most probably wrong, and where the full list is."""
    manifest = run.evaluation
    if manifest is None:
        return [Text(NO_MODEL, "warning")]
    if SUSPECT_LABELS not in manifest.outputs:
        return [Text("Not measured.", "note")]
    name = run.need_file(manifest, SUSPECT_LABELS)
    found = run.file(manifest, SUSPECT_LABELS, _parse)
    if found is None:
        raise BadData(f"{name} cannot be read")
    if not found.number:
        return [Text("No label looks wrong.")]
    shown = len(found.first)
    listed = f"the first {shown} of {found.number:,} are here" if found.number > shown else "all are here"
    return [
        Text(f"Titles whose label is probably wrong, the most suspect first; {listed}. All: {name}"),
        Table("Suspect labels", found.columns, found.first),
    ]


@dataclass(frozen=True)
class _Suspects:
    """The number of suspect labels, and the first of them."""

    columns: list[Column]
    first: list[list[Cell]]
    number: int


def _parse(data: bytes) -> _Suspects:
    reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), restval="")
    try:
        lines = list(reader)
    except csv.Error as error:  # such as a category of more than 131,072 characters
        raise ValueError(str(error)) from error
    names = [name for name in reader.fieldnames or () if name not in ("row", "language")]
    return _Suspects(
        columns=[Column(name.replace("_", " "), _is_numeric(name)) for name in names],
        first=[[_suspect_cell(name, line[name]) for name in names] for line in lines[:SUSPECTS]],
        number=len(lines),
    )


def _is_numeric(column: str) -> bool:
    return column.startswith("probability")


def _suspect_cell(column: str, text: str) -> Cell:
    if _is_numeric(column):
        return figure(float(text), digits=3) if text else Cell("")
    return Cell(text)
