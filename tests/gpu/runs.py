"""Training runs on the CPU as it trains, and on the device under test as a GPU trains."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from meli_tasks.core.data.encoded_titles import EncodedTitles
from meli_tasks.core.models.networks import TitleNetwork
from meli_tasks.core.training.trainer import Training
from tests.core.training.gpu_code_path import as_on_gpu, mapped
from tests.core.training.small_trainings import network_for, params_of, titles_of

TRAIN, VALIDATION = titles_of(400, 1), titles_of(120, 2)

TOLERANCE = {
    ("cpu", "float32"): 1e-6,
    ("cuda", "float32"): 1e-4,
    ("cpu", "bfloat16"): 3e-2,
    ("cuda", "bfloat16"): 3e-2,
}
"""The largest ||a - b|| / ||b|| of two tensors that are to be equal. On the CPU the sums of float32 are the same ones;
on a GPU they are added in another order. bfloat16 has 8 bits: 2**-8 = 0.004 for each rounding of a product's inputs."""


def moved(titles: EncodedTitles, device: str) -> EncodedTitles:
    """The titles on a device."""
    found: EncodedTitles = mapped(titles, lambda tensor: tensor.to(device))
    return found


def begun(device: str, titles: EncodedTitles = TRAIN, **values: Any) -> Training:
    """A training run on the device before its first step; on the CPU along the code path of a GPU."""
    params = params_of(**values)
    network = network_for(params).to(device)
    return as_on_gpu(Training(network, moved(titles, device), moved(VALIDATION, device), params))


def plain(titles: EncodedTitles = TRAIN, **values: Any) -> Training:
    """The reference: the CPU as it trains without a GPU."""
    params = params_of(**values)
    return Training(network_for(params), titles, VALIDATION, params)


def finished(training: Training) -> Training:
    """The training run, at its end."""
    for _ in training.run(progress_seconds=1e9):
        pass
    return training


def distance(ours: Tensor, theirs: Tensor) -> float:
    """||ours - theirs|| / ||theirs||; not finite if one of them has a value that is not."""
    a, b = ours.detach().cpu().double(), theirs.detach().cpu().double()
    return float((a - b).norm() / b.norm().clamp(min=1e-12))


def weights(network: TitleNetwork) -> dict[str, Tensor]:
    """The weights of a network on the CPU."""
    return {name: value.cpu().contiguous() for name, value in network.state_dict().items()}


def largest_distance(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> float:
    """The largest distance of two sets of tensors with the same names."""
    assert ours.keys() == theirs.keys()
    return max(distance(value, theirs[name]) for name, value in ours.items())


def without_clock(training: Training) -> list[object]:
    """The epochs without what differs between any two runs."""
    return [replace(epoch, seconds=0.0) for epoch in training.epochs]


def set_words(network: TitleNetwork, seed: int) -> None:
    """Random word vectors, the same on every device."""
    values = torch.randn(network.words.weight.shape, generator=torch.Generator().manual_seed(seed))
    network.words.weight.copy_(values)
    network.words.weight_changed()
