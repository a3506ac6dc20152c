"""The code that a GPU runs, on any device: batches gathered in groups, bounded lookups, rare checks by the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from meli_tasks.core.data import encoded_titles
from meli_tasks.core.data.host_waits import reason_to_wait
from meli_tasks.core.models.sparse_embedding import SparseEmbedding
from meli_tasks.core.training.trainer import Training

BATCHES, INTERVAL = 3, 8

SHAPES: dict[str, dict[str, Any]] = {
    "lab's mlp": {"optimizer": "adam", "mean_over_padding": True, "schedule": "constant"},
    "lab's cnn": {"architecture": "cnn", "filters": 6, "filter_lengths": (2, 3), "optimizer": "adam"}
    | {"sigmoid_before_loss": True, "max_over_padding": True},
    "mlp": {"word_vectors": "trained", "ngram_dimensions": 8, "ngram_dropout": 0.2, "word_dropout": 0.15}
    | {"hidden": (), "margin": 5.0, "label_smoothing": 0.1, "class_weights": "sqrt"},
    "cnn": {"architecture": "cnn", "filters": 6, "filter_lengths": (1, 2, 3), "word_vectors": "trained"}
    | {"ngram_dimensions": 8, "ngram_dropout": 0.2, "hidden": (), "row_correction": "all_steps"},
    "cnn with characters": {"architecture": "cnn", "filters": 6, "ngram_dimensions": 8, "filter_ngrams": True}
    | {"word_vectors": "trained", "gradient_clip": 0.5},
    "ema": {"word_vectors": "trained", "ngram_dimensions": 8, "ema_decay": 0.9, "weight_decay": 0.1}
    | {"unreliable_weight": 0.5, "logit_adjustment": 1.0},
}
"""Sets of each kind, small. Dropout is set by whoever uses them."""

WITHOUT_DROPOUT: dict[str, Any] = {"dropout": 0.0, "ngram_dropout": 0.0, "word_dropout": 0.0}


def gather_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gather batches on the CPU as on a GPU."""
    monkeypatch.setitem(encoded_titles.BATCHES_AT_ONCE, "cpu", BATCHES)


def as_on_gpu(training: Training) -> Training:
    """Let a training run on the CPU do everything as on a GPU. Call it before the first step."""
    for module in training.network.modules():
        if isinstance(module, SparseEmbedding):
            module.bounded = True
    training.guard.interval = INTERVAL
    return training


class Waits(TorchDispatchMode):
    """Records the operations for which the host would wait for a GPU, outside `host_waits`. Their data is on the CPU.

    What does not pass torch's dispatcher (`tolist`, `numpy`, `cpu`) is left to the lint of tests/core/test_waits.py.
    """

    ALWAYS: ClassVar[set[str]] = {
        "nonzero", "masked_select", "_unique2", "unique_dim", "unique_consecutive", "bincount",
        "_local_scalar_dense", "equal", "is_nonzero", "lift_fresh", "lift_fresh_copy", "histc", "argwhere",
    }  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = str(func).removeprefix("aten.").partition(".")[0]
        if reason_to_wait() is None and (name in self.ALWAYS or _waits(name, args, kwargs)):
            self.found.append(str(func))
        return func(*args, **kwargs)


def _waits(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    if name in ("index", "index_put", "index_put_", "_index_put_impl_"):
        return any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1])
    return name == "repeat_interleave" and kwargs.get("output_size") is None


@contextmanager
def no_waits(device: str) -> Iterator[None]:
    """Fail if the host waits for the device outside `host_waits`: on a GPU torch raises, on the CPU `Waits` looks."""
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode("default")
        return
    with Waits() as waits:
        yield
    assert waits.found == []


def mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """A dataclass (of dataclasses) or a tuple with all of its tensors changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple):
        return tuple(mapped(each, change) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: mapped(getattr(value, field.name), change) for field in fields(value)})
    return value
