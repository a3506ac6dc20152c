"""The line that says which epoch of a training run became the model."""

from __future__ import annotations

import pytest

from meli_tasks.pages.kept_epoch import kept_line
from meli_tasks.stages.evaluation import Epoch


@pytest.mark.parametrize(
    ("scores", "kept", "keep", "stopped_by", "line"),
    [
        ([0.5, 0.9, 0.8], 2, "best", "", "epoch 2 kept: best validation balanced accuracy"),
        ([0.5, 0.9, 0.9], 2, "best", "", "epoch 2 kept: best validation balanced accuracy"),
        (
            [0.5, 0.9, 0.8], 3, "last", "",
            "epoch 3 kept: the last one, because the set says keep = last; epoch 2 had the best validation balanced "
            "accuracy",
        ),
        ([0.5, 0.9, 0.9], 3, "last", "", "epoch 3 kept: the last one, because the set says keep = last; it is also the "
         "best"),
        (
            [0.5, 0.9], 2, "last", "ana, 21:00",
            "epoch 2 kept: best validation balanced accuracy when it was stopped by ana, 21:00",
        ),
        ([0.5, 0.9, 0.8], 1, "", "", "epoch 1 kept, although epoch 2 has the best validation balanced accuracy"),
        ([None, 0.1], 2, "best", "", "epoch 2 kept: best validation balanced accuracy"),
        ([], 4, "last", "", "epoch 4 kept: the last one, because the set says keep = last"),
        ([0.5], None, "best", "", ""),
        ([0.5], 0, "best", "", ""),
    ],
)  # fmt: skip
def test_the_kept_epoch_has_its_reason(
    scores: list[float | None], kept: int | None, keep: str, stopped_by: str, line: str
) -> None:
    epochs = [Epoch(epoch=number, validation_balanced_accuracy=score) for number, score in enumerate(scores, 1)]
    assert kept_line(epochs, kept, keep, stopped_by) == line
