"""Steps of every kind of set on a device that exists in name only: `python -m tests.core.training.second_device`.

On a build of torch without CUDA, tensors on "cuda" cannot exist, not even without data: indexing and the backward pass
look for the GPU. So torch's slot for other makers' devices is given to one named "second", and FakeTensorMode, which
computes shapes and devices but no values, does the rest. An operation on tensors of both devices is an error, and so is
asking for a value. The device stays registered until the process ends, hence a process of its own.

Prints the sets whose steps passed, and what stopped the others.
"""

from __future__ import annotations

import itertools
import json
import sys

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

from meli_tasks.core.data import encoded_titles
from meli_tasks.core.models.sparse_embedding import SparseEmbedding
from meli_tasks.core.training.ema import EMA
from meli_tasks.core.training.epoch_totals import EpochTotals
from meli_tasks.core.training.finite_guard import FiniteGuard
from meli_tasks.core.training.optimizers import Optimizer
from meli_tasks.core.training.trainer import Training
from tests.core.training.gpu_code_path import SHAPES, mapped
from tests.core.training.small_trainings import network_for, params_of, titles_of

NAME = "second"
TITLES = titles_of(100, 1)


class Backend(_DummyBackendModule):
    """What torch asks of a kind of device: here random numbers are never drawn."""

    def get_rng_state(self, device: object = None) -> Tensor:
        return torch.zeros(1, dtype=torch.uint8)

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]

    def set_rng_state(self, state: Tensor, device: object = None) -> None:
        pass


def there(value: Tensor, mode: FakeTensorMode) -> Tensor:
    """A tensor like this one on the second device."""
    return FakeTensor(mode, torch.empty_like(value, device="meta"), torch.device(NAME, 0))


def move(training: Training, mode: FakeTensorMode, *, bounded: bool) -> None:
    """Move a training run before its first step to the second device."""
    for module in training.network.modules():
        for name, weight in list(module._parameters.items()):
            if weight is not None:
                fake = there(weight.detach(), mode)
                module._parameters[name] = nn.Parameter(fake, requires_grad=weight.requires_grad)
    for name, value in vars(training.loss).items():
        if isinstance(value, Tensor):
            setattr(training.loss, name, there(value, mode))
    training.device = device = torch.device(NAME, 0)
    with mode:
        training.optimizer = Optimizer(training.network, training.params)
        training.ema = EMA(training.optimizer, training.params.ema_decay) if training.params.ema_decay else None
        training.guard = FiniteGuard(device, training.params, interval=64)
        training.totals = EpochTotals(device)
    for module in training.network.modules():
        if isinstance(module, SparseEmbedding):
            module.bounded = bounded
    training.network.train()


def steps(shape: str, *, bounded: bool) -> None:
    """Two steps, with their gradients."""
    params = params_of(**{"dropout": 0.2, "precision": "float32"} | SHAPES[shape])
    training = Training(network_for(params), TITLES, TITLES, params)
    mode = FakeTensorMode()
    batches = [
        mapped(pair, lambda value: there(value, mode))
        for pair in itertools.islice(training.titles.batches(torch.arange(len(TITLES)), 32), 2)
    ]
    move(training, mode, bounded=bounded)
    with mode:
        for rows, batch in batches:
            training._take_step(rows, batch)
    held = [*training.network.parameters(), *training.optimizer.tensors().values(), *training.totals.tensors().values()]
    held += (training.ema.tensors() if training.ema else {}).values()
    assert {tensor.device.type for tensor in held} == {NAME}


def outcome(shape: str, *, bounded: bool = True) -> str:
    """ "passed", or the error that stopped the steps."""
    try:
        steps(shape, bounded=bounded)
    except Exception as error:
        if "-v" in sys.argv:
            raise
        return f"{type(error).__name__}: {str(error)[:500]}"
    return "passed"


def mixed() -> str:
    """What happens to a tensor of each device in one operation."""
    mode = FakeTensorMode()
    one = there(torch.zeros(3), mode)
    with mode:
        try:
            one + torch.zeros(3)
        except RuntimeError as error:
            return str(error)
    return "passed"


def main() -> None:
    torch.set_num_threads(1)
    _setup_privateuseone_for_python_backend(NAME, Backend())
    encoded_titles.BATCHES_AT_ONCE["cpu"] = 2
    found = {shape: outcome(shape) for shape in SHAPES}
    sys.stdout.write(json.dumps(found | {"asking": outcome("mlp", bounded=False), "mixed": mixed()}, indent=1))


if __name__ == "__main__":
    main()
