"""One training on several cards: processes on the CPU stand in for them."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from meli_tasks.core.errors import BadHyperparameters, Unreachable
from meli_tasks.stages import train
from meli_tasks.stages.hooks import Hooks
from meli_tasks.stages.training import workers as other_cards
from tests.stages.small_titles import Recorded, params_of, prepared


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    return prepared(tmp_path)


def test_two_processes_train_it_together(inputs: dict[str, Path], tmp_path: Path) -> None:
    # No card is here: two processes on the CPU, as two cards would have them.
    outs = [tmp_path / name for name in ("alone", "together")]
    log = Recorded()
    for out, cards in zip(outs, (1, 2), strict=True):
        out.mkdir()
        train.run(inputs, out, params_of(ngram_dimensions=4, epochs=3), Hooks(log, device="cpu", gpus=cards))
    assert any("mlp on 2 x cpu" in line for line in log.lines)
    histories = [json.loads((out / "history.json").read_text()) for out in outs]
    for alone, together in zip(*histories, strict=True):
        assert together["validation_loss"] == pytest.approx(alone["validation_loss"], rel=1e-3)


def test_a_process_that_is_lost_ends_the_others_and_is_told_of(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(other_cards, "PROGRAM", [sys.executable, "-c", "raise SystemExit('the card fell off the bus')"])
    monkeypatch.setattr(other_cards, "PATIENCE", timedelta(seconds=5))
    with pytest.raises(Unreachable, match=r"card 1 of 2 ended before its time.*the card fell off the bus"):
        train.run(inputs, tmp_path, params_of(), Hooks(device="cpu", gpus=2))


def test_what_cannot_be_shared_by_cards_is_refused(inputs: dict[str, Path], tmp_path: Path) -> None:
    for values, told in (
        ({"batch_size": 15}, "batches of 15 cannot be shared by 2"),
        ({"mean_over_padding": True}, "lab's"),
    ):
        with pytest.raises(BadHyperparameters, match=told):
            train.run(inputs, tmp_path, params_of(**values), Hooks(device="cpu", gpus=2))
