"""The learning curves of all training runs over each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from meli_tasks.artifacts import paths
from meli_tasks.report import charts
from meli_tasks.report.blocks import (
    Block,
    Cell,
    Chart,
    Charts,
    Column,
    LegendEntry,
    Table,
    Text,
    figure,
    pointer,
    whole,
)
from meli_tasks.report.charts import Axis, Line
from meli_tasks.report.material import Material
from meli_tasks.stages.evaluation import Epoch
from meli_tasks.stages.summaries import ENSEMBLE, TrainSummary

Histories = Mapping[str, tuple[Epoch, ...]]
Quantity = Callable[[Epoch], float | None]
EPOCH = Axis("epoch", whole=True)
MAX_EPOCHS = 200
"""Rows of a table of values; of more epochs every second, third and so on is listed, and the last one."""


def curves(run: Material) -> Sequence[Block]:
    """Balanced accuracy and plain cross-entropy by epoch.

    The loss that is minimized has margin, smoothing and weights in it. It is another quantity, so it is not drawn.
    """
    found = {label: run.history(label) for label in run.plan.sets}
    histories = {label: epochs for label, epochs in found.items() if epochs}
    missing = [label for label, epochs in found.items() if not epochs]
    blocks: list[Block] = []
    if histories:
        blocks.append(Charts([_accuracy(histories), _cross_entropy(histories)]))
        blocks.append(_summary(run, histories))
    if missing:
        why = "they were not trained, or their artifacts were deleted"
        blocks.append(Text(f"Not available: the learning curves of {', '.join(missing)}; {why}.", "warning"))
    if run.evaluated and ENSEMBLE in run.evaluated.models:
        blocks.append(Text("An ensemble is combined from trained models and has no curves."))
    return blocks


def _accuracy(histories: Histories) -> Chart:
    lines = _lines(histories, lambda epoch: epoch.validation_balanced_accuracy, "line")
    return Chart(
        "Balanced accuracy on the validation titles",
        charts.draw(lines, EPOCH, Axis("mean recall of the categories")),
        f"Balanced accuracy on the validation titles by epoch. {_last(histories, 'validation_balanced_accuracy')}",
        [LegendEntry(label, number) for number, label in enumerate(histories)],
        _table(histories, {"validation": "validation_balanced_accuracy"}),
    )


def _cross_entropy(histories: Histories) -> Chart:
    lines = _lines(histories, lambda epoch: epoch.validation_loss, "line")
    training = _lines(histories, lambda epoch: epoch.train_cross_entropy, "dashed")
    legend = [LegendEntry(f"{label}, validation", number) for number, label in enumerate(histories)]
    names = list(histories)
    legend += [LegendEntry(f"{names[line.colour]}, training with dropout", line.colour, True) for line in training]
    return Chart(
        "Cross-entropy",
        charts.draw([*lines, *training], EPOCH, Axis("mean over the titles, nats")),
        f"Cross-entropy by epoch. {_last(histories, 'validation_loss')}",
        legend,
        _table(histories, {"validation": "validation_loss", "training": "train_cross_entropy"}),
    )


def _lines(histories: Histories, quantity: Quantity, style: charts.Style) -> list[Line]:
    lines = []
    for number, epochs in enumerate(histories.values()):
        points = [(epoch.epoch, value) for epoch in epochs if (value := quantity(epoch)) is not None]
        if points:
            lines.append(Line([x for x, _ in points], [y for _, y in points], number, style))
    return lines


def _last(histories: Histories, name: str) -> str:
    """The last value of each line, for whoever does not see the chart."""
    last = {label: getattr(epochs[-1], name) for label, epochs in histories.items()}
    values = [f"{label} ends at {value:.4f}" for label, value in last.items() if value is not None]
    return f"{'; '.join(values)}." if values else ""


def _table(histories: Histories, quantities: Mapping[str, str]) -> Table:
    """The values of a chart: a row for each epoch, and a column for each line."""
    columns = [Column("epoch", True)]
    columns += [Column(f"{label}, {name}", True) for label in histories for name in quantities]
    by_epoch = {label: {epoch.epoch: epoch for epoch in epochs} for label, epochs in histories.items()}
    every = sorted({number for epochs in by_epoch.values() for number in epochs})
    step = -(-len(every) // MAX_EPOCHS) or 1
    numbers = sorted({*every[::step], *every[-1:]})
    rows = [
        [
            whole(number),
            *(_value(by_epoch[label].get(number), quantity) for label in histories for quantity in quantities.values()),
        ]
        for number in numbers
    ]
    left_out = f": {len(numbers):,} of {len(every):,} epochs" if len(numbers) < len(every) else ""
    return Table("Values of the chart", columns, rows, folded=f"Values as a table{left_out}")


def _value(epoch: Epoch | None, quantity: str) -> Cell:
    return Cell("") if epoch is None else figure(getattr(epoch, quantity))


def _summary(run: Material, histories: Histories) -> Table:
    """What each training run ended with."""
    rows = []
    for label in histories:
        model = run.model(label)
        if model is None:
            continue
        summary, at = model.read_summary(TrainSummary), (paths.manifest("train", model.key), "summary")
        rows.append(
            [
                Cell(label, strong=True),
                whole(summary.kept_epoch, pointer(*at, "kept_epoch")),
                whole(summary.epochs_run or len(histories[label])),
                figure(summary.validation_balanced_accuracy, pointer(*at, "validation_balanced_accuracy")),
                Cell(summary.device),
                Cell(summary.stopped_by),
            ]
        )
    columns = (
        Column("set"),
        Column("kept epoch", True),
        Column("epochs", True),
        Column("validation balanced accuracy", True),
        Column("device"),
        Column("stopped by"),
    )
    return Table("Training runs", columns, rows)
