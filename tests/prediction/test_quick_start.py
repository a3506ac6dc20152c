"""A process that predicts once imports no more of torch than it needs, and predicts the same."""

from __future__ import annotations

import gc
import json
import subprocess
import sys

import pytest

from meli_tasks.prediction.quick_start import quick_start
from tests.cli.program import environment

PREDICT = """
import json, sys
from contextlib import nullcontext
from meli_tasks.prediction.quick_start import quick_start
with quick_start() if sys.argv[1] == "quick" else nullcontext():
    import torch
left_out = "torch._meta_registrations" not in sys.modules
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.models.networks import build
from meli_tasks.core.data.batch import Batch
torch.manual_seed(1)
found = []
for network in ("mlp", "cnn"):
    made = build(Train(architecture=network), (50, 8), 0, 4).eval()
    made.seed(1, torch.device("cpu"))
    tokens, offsets = torch.tensor([3, 4, 5, 9, 2]), torch.tensor([0, 3, 5])
    found.append(made(Batch(tokens, offsets, 3)).softmax(1).topk(3, dim=1).values.tolist())
import torch._meta_registrations
empty = torch.zeros(2, 3, device="meta") @ torch.zeros(3, 4, device="meta")
print(json.dumps({"left_out": left_out, "found": found, "meta": list(empty.shape)}))
"""


def in_a_process(mode: str) -> dict[str, object]:
    command = [sys.executable, "-c", PREDICT, mode]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


def test_a_quick_start_leaves_out_what_no_prediction_needs_and_predicts_the_same() -> None:
    quick, usual = in_a_process("quick"), in_a_process("usual")
    assert (quick["left_out"], usual["left_out"]) == (True, False)
    assert quick["found"] == usual["found"]
    assert quick["meta"] == [2, 4], "who needs the rest later imports it"


def test_a_quick_start_leaves_the_garbage_collector_as_it_was() -> None:
    with quick_start():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ValueError, match="broken"), quick_start():
        raise ValueError("broken")
    assert gc.isenabled()
    gc.disable()
    try:
        with quick_start():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
