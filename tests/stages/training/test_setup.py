"""What the previous version wrote is still read: the arrays of preprocess and the checkpoints of training runs."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.training.distributed import SingleProcess
from meli_tasks.core.training.state import State
from meli_tasks.core.training.trainer import Training
from meli_tasks.stages.encoding.ngram_arrays import FORMER_ARRAYS
from meli_tasks.stages.training.setup import (
    FORMER_METADATA,
    FORMER_PREFIXES,
    counts_row_steps,
    prepare,
    read_state,
    read_titles,
    write_state,
)
from tests.stages.small_titles import params_of, prepared

PARAMS = params_of(ngram_dimensions=4, word_vectors="trained", ema_decay=0.9, epochs=2)
FORMER_PARAMS = PARAMS.model_copy(update={"row_correction": "all_steps"})  # the only way of 468b5c0


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    return prepared(tmp_path)


def begun(inputs: dict[str, Path], params: Train = PARAMS) -> Training:
    return prepare(inputs, params, "cpu", SingleProcess())[0]


def in_former_names(state: State, path: Path) -> None:
    """Write a state as commit 468b5c0 did."""
    former = {current: name for name, current in FORMER_METADATA.items()}
    prefixes = {current: prefix for prefix, current in FORMER_PREFIXES.items()}
    tensors = {}
    for name, value in state.tensors.items():
        if name.startswith("optimizer.row_steps."):
            continue
        current = next((prefix for prefix in prefixes if name.startswith(prefix)), "")
        tensors[prefixes.get(current, "") + name.removeprefix(current)] = value.detach().clone().contiguous()
    facts = {former.get(name, name): value for name, value in asdict(state.metadata).items()}
    assert {"best", "stale", "last_good", "rows_steps", "average_steps"} <= set(facts)
    assert any(name.startswith("average.") for name in tensors) and any(name.startswith("kept.") for name in tensors)
    save_file(tensors, path, metadata={"facts": json.dumps(facts)})


@pytest.mark.parametrize("former", [False, True])
def test_a_run_resumes_from_a_checkpoint_file_to_the_same_weights(
    inputs: dict[str, Path], tmp_path: Path, former: bool
) -> None:
    params = FORMER_PARAMS if former else PARAMS
    undisturbed, killed, resumed = (begun(inputs, params) for _ in range(3))
    for _ in undisturbed.run():
        pass
    next(killed.run(progress_seconds=float("inf")))  # the first epoch
    (in_former_names if former else lambda state, path: write_state(path, state))(killed.state(), tmp_path / "state")
    assert counts_row_steps(tmp_path / "state", params)
    resumed.resume(read_state(tmp_path / "state"))
    for _ in resumed.run():
        pass
    without_clock = [[replace(epoch, seconds=0.0) for epoch in run.epochs] for run in (undisturbed, resumed)]
    assert without_clock[0] == without_clock[1]
    for name, value in undisturbed.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name


@pytest.mark.parametrize("split", ["train", "validation"])
def test_arrays_under_their_former_names_are_read(inputs: dict[str, Path], split: str) -> None:
    folder = inputs["preprocess"]
    current = read_titles(folder, split, 15, PARAMS, "cpu")
    for name, former in FORMER_ARRAYS.items():
        (folder / f"{name}.npy").rename(folder / f"{former}.npy")
    earlier = read_titles(folder, split, 15, PARAMS, "cpu")
    assert current.ngrams is not None and earlier.ngrams is not None
    for ours, theirs in (
        (current.ngrams.char_ngrams, earlier.ngrams.char_ngrams),
        (current.ngrams.word_ngrams, earlier.ngrams.word_ngrams),
    ):
        assert torch.equal(ours.ids, theirs.ids) and torch.equal(ours.offsets, theirs.offsets)
    assert not np.array_equal(current.ngrams.char_ngrams.ids, current.ngrams.word_ngrams.ids)
