"""Champion against challenger: per category, per slice, and the pairs of categories that the better one confuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meli_tasks.report import charts
from meli_tasks.report.blocks import (
    SCORES,
    Block,
    Cell,
    Chart,
    Charts,
    Column,
    LegendEntry,
    Row,
    Table,
    Text,
    figure,
    interval,
    pointer,
    signed,
    whole,
)
from meli_tasks.report.charts import Axis, Line
from meli_tasks.report.material import Material
from meli_tasks.stages.evaluation import Evaluation
from meli_tasks.stages.figures import CategoryRecall, SliceAccuracy
from meli_tasks.wording import count

LARGEST = 15
"""Categories with the largest losses, and gains, that are listed before the table of all."""
MAX_CATEGORIES = 2_000
"""Rows of the table of all categories."""


@dataclass(frozen=True)
class Pair:
    """The two models that a report compares. `before` is None if there was no champion."""

    before: str | None
    after: str


def pair_of(run: Material) -> Pair | None:
    """The champion before the run, and the challenger, or else the most accurate other model."""
    models = run.models
    champion = run.evaluated.champion if run.evaluated else None
    challenger = run.decided.found.challenger if run.decided else None
    if run.decided and run.decided.found.champion:
        champion = run.decided.found.champion
    if challenger not in models:
        challenger = next((label for label in models if label != champion), None)
    if challenger is None:
        return Pair(None, champion) if champion in models and champion else None
    return Pair(champion if champion in models else None, challenger)


def categories(run: Material) -> Sequence[Block]:
    """The recall of each category by both models: the largest losses and gains, then all."""
    pair = pair_of(run)
    if pair is None:
        return [Text("Not available: no model was evaluated, or the evaluation was deleted.", "warning")]
    after = run.models[pair.after].categories
    before = run.models[pair.before].categories if pair.before else {}
    if not after:
        return [Text("Not measured: the evaluation has no figures of single categories.", "note")]
    if not before:
        return [Text(f"There is no champion to compare {pair.after} with."), _all_categories(pair, {}, after)]
    changes = {name: found.recall - before[name].recall for name, found in after.items() if name in before}
    # By the number of titles: a category of one title that is lost has lost everything, mostly by chance.
    ranked = sorted(changes, key=lambda name: (round(changes[name] * after[name].titles), changes[name], name))
    losses = [name for name in ranked if changes[name] < 0]
    gains = [name for name in reversed(ranked) if changes[name] > 0]
    same = len(changes) - len(losses) - len(gains)
    summary = (
        f"Of {count(len(changes), 'category')}, {pair.after} recalls {len(gains):,} better and {len(losses):,} worse "
        f"than {pair.before}; {same:,} {'is' if same == 1 else 'are'} the same."
    )
    few = "Most categories have few test titles: the change of a single title is often chance."
    return [
        Text(f"{summary} {few}"),
        Charts([_scatter(pair, before, after, list(changes))]),
        _changes(pair, "Largest losses, by the number of titles", losses[:LARGEST], before, after),
        _changes(pair, "Largest gains, by the number of titles", gains[:LARGEST], before, after),
        _all_categories(pair, before, after),
    ]


def _columns(pair: Pair) -> list[Column]:
    compared = [Column(f"{pair.before}", True), Column("change", True)] if pair.before else []
    counts = [Column("test titles", True), Column("titles recalled", True), Column("predicted", True)]
    return [Column("category"), Column(pair.after, True), Column("95 % interval"), *compared, *counts]


def _row(pair: Pair, name: str, before: Mapping[str, CategoryRecall], found: CategoryRecall) -> Row:
    at = ("models", pair.after, "categories", name)
    cells = [Cell(name, strong=True), figure(found.recall, pointer(SCORES, *at, "recall"), 3)]
    cells.append(interval(found.interval, 2))
    if pair.before:
        other = before.get(name)
        recall = other.recall if other else None
        cells.append(figure(recall, pointer(SCORES, "models", pair.before, "categories", name, "recall"), 3))
        cells.append(signed(found.recall - recall if recall is not None else None, digits=3))
    recalled = round(found.recall * found.titles)
    counts = [(found.titles, "titles"), (found.predicted, "predicted")]
    titles, predicted = (whole(value, pointer(SCORES, *at, key)) for value, key in counts)
    was = f" (was {round(before[name].recall * before[name].titles):,})" if name in before else ""
    return [*cells, titles, Cell(f"{recalled:,}{was}"), predicted]


def _changes(
    pair: Pair,
    caption: str,
    names: Sequence[str],
    before: Mapping[str, CategoryRecall],
    after: Mapping[str, CategoryRecall],
) -> Block:
    if not names:
        return Text(f"{caption}: none.")
    return Table(caption, _columns(pair), [_row(pair, name, before, after[name]) for name in names])


def _all_categories(pair: Pair, before: Mapping[str, CategoryRecall], after: Mapping[str, CategoryRecall]) -> Table:
    names = sorted(after)[:MAX_CATEGORIES]
    left_out = len(after) - len(names)
    more = f"; {left_out:,} more are in scores.json" if left_out else ""
    return Table(
        "Every category by name",
        _columns(pair),
        [_row(pair, name, before, after[name]) for name in names],
        folded=f"All {len(names):,} categories{more}",
    )


def _scatter(
    pair: Pair, before: Mapping[str, CategoryRecall], after: Mapping[str, CategoryRecall], names: Sequence[str]
) -> Chart:
    line = Line([before[name].recall for name in names], [after[name].recall for name in names], 0, "points")
    axis = (-0.03, 1.03)
    above = sum(after[name].recall > before[name].recall for name in names)
    below = sum(after[name].recall < before[name].recall for name in names)
    places: dict[tuple[float, float], int] = {}
    for name in names:
        place = (round(before[name].recall, 3), round(after[name].recall, 3))
        places[place] = places.get(place, 0) + 1
    frequent = sorted(places.items(), key=lambda item: (-item[1], item[0]))[:20]
    return Chart(
        "Recall of each category",
        charts.draw([line], Axis("champion", axis), Axis("challenger", axis), diagonal=True),
        f"A point for each category: its recall by {pair.before} to the right, by {pair.after} upwards. "
        f"{above:,} are above the diagonal, where the challenger is better, and {below:,} below it.",
        [LegendEntry("a category", 0)],
        Table(
            "Most frequent points of the chart",
            (Column("champion", True), Column("challenger", True), Column("categories", True)),
            [[figure(x, digits=3), figure(y, digits=3), whole(number)] for (x, y), number in frequent],
            folded="Values as a table",
        ),
    )


_KINDS = {
    "language": "Language",
    "label_quality": "Label quality",
    "category_size": "Category size",
    "title_length": "Title length",
    "unknown_words": "Fraction of unknown words",
    "newest_day": "Newest day",
}


def slices(run: Material) -> Sequence[Block]:
    """Balanced accuracy of both models on parts of the test titles."""
    pair = pair_of(run)
    if pair is None:
        return [Text("Not available: no model was evaluated, or the evaluation was deleted.", "warning")]
    after = _slices_of(run.models[pair.after])
    before = _slices_of(run.models[pair.before]) if pair.before else {}
    missing = [title.lower() for kind, title in _KINDS.items() if kind not in {kind for _, kind in after}]
    rows = [
        _slice_row(pair, path, name, found, before.get(path, {}).get(name))
        for path, values in after.items()
        for name, found in values.items()
    ]
    compared = [Column(f"{pair.before}", True), Column("change", True)] if pair.before else []
    columns = [Column("slice"), Column("value"), Column("titles", True), Column(pair.after, True)]
    blocks: list[Block] = []
    if rows:
        blocks.append(Table("Balanced accuracy by slice", [*columns, Column("95 % interval"), *compared], rows))
    if missing:
        blocks.append(Text(f"Not measured: {', '.join(missing)}.", "note"))
    return blocks


SlicePath = tuple[str, str]


def _slices_of(found: Evaluation) -> dict[SlicePath, Mapping[str, SliceAccuracy]]:
    """The slices by where they are stored: (field, kind). Earlier versions have only languages and label qualities."""
    if found.slices:
        return {("slices", kind): values for kind, values in found.slices.items()}
    former = {
        ("by_language", "language"): found.by_language,
        ("by_label_quality", "label_quality"): found.by_label_quality,
    }
    return {path: values for path, values in former.items() if values}


def _slice_row(pair: Pair, path: SlicePath, name: str, found: SliceAccuracy, other: SliceAccuracy | None) -> Row:
    field, kind = path
    inside = (field, kind, name) if field == "slices" else (field, name)
    own = pointer(SCORES, "models", pair.after, *inside, "balanced_accuracy")
    cells = [
        Cell(_KINDS.get(kind, kind.replace("_", " "))),
        Cell(name, strong=True),
        whole(found.titles, pointer(SCORES, "models", pair.after, *inside, "titles")),
        figure(found.balanced_accuracy, own),
        interval(found.interval),
    ]
    if pair.before:
        accuracy = other.balanced_accuracy if other else None
        at = pointer(SCORES, "models", pair.before, *inside, "balanced_accuracy")
        cells.append(figure(accuracy, at))
        cells.append(signed(found.balanced_accuracy - accuracy if accuracy is not None else None))
    return cells
