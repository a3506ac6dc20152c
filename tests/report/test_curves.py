"""The tables of the learning curves."""

from __future__ import annotations

import pytest

from meli_tasks.report.blocks import Cell
from meli_tasks.report.curves import MAX_EPOCHS, _table
from meli_tasks.stages.evaluation import Epoch


@pytest.mark.parametrize(
    ("epochs", "rows", "heading"),
    [
        (1, 1, "Values as a table"),
        (MAX_EPOCHS, MAX_EPOCHS, "Values as a table"),
        (1_000, 201, "Values as a table: 201 of 1,000 epochs"),
    ],
)
def test_of_many_epochs_some_are_listed_and_the_last_one(epochs: int, rows: int, heading: str) -> None:
    history = tuple(Epoch(epoch=number, validation_balanced_accuracy=0.5) for number in range(1, epochs + 1))
    table = _table({"mlp": history}, {"validation": "validation_balanced_accuracy"})
    assert (len(table.rows), table.folded) == (rows, heading)
    first, last = (row[0] for row in (table.rows[0], table.rows[-1]))
    assert isinstance(first, Cell) and isinstance(last, Cell)
    assert (first.value, last.value) == (1, epochs)
