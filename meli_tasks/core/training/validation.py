"""Loss and accuracy of a network on titles that it has not been trained on."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.nn import functional

from meli_tasks.core.data.host_waits import host_waits
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.models.networks import TitleNetwork
from meli_tasks.core.training.memory import free_memory, halved
from meli_tasks.core.training.pooled_titles import Titles

BATCH_SIZE = 1_024


@torch.no_grad()
def validate(
    network: TitleNetwork, titles: Titles, batch_size: int = BATCH_SIZE, *, reduced: bool = False
) -> tuple[float, float]:
    """(cross-entropy without weights or smoothing, balanced accuracy: the mean recall of the categories present).

    `reduced`: compute matrix products in bfloat16.
    """
    network.eval()
    categories = network.out.out_features
    right = torch.zeros(categories, dtype=torch.float64, device=titles.labels.device)
    loss = torch.zeros((), dtype=torch.float64, device=titles.labels.device)
    order = torch.arange(len(titles), device=titles.labels.device)
    for rows, batch in titles.batches(order, batch_size):
        labels: Tensor = titles.labels[rows]
        with reduced_precision(labels.device, reduced):
            logits = network(batch).float()
        loss += functional.cross_entropy(logits, labels, reduction="sum")
        right.index_add_(0, labels, (logits.argmax(1) == labels).to(right.dtype))
    with host_waits("once per validation: its results"):
        counts = torch.bincount(titles.labels, minlength=categories)
        recall = right[counts > 0].float() / counts[counts > 0]
        return float(loss / len(titles)), float(recall.mean())


def validate_within_memory(network: TitleNetwork, titles: Titles, batch_size: int) -> tuple[float, float, int]:
    """Validate with batches that are halved until one fits into the device's memory.

    Returns:
        The results of `validate`, and the batch size that fitted.

    Raises:
        OutOfMemory: not even the smallest batch fits.
    """
    reduced = validates_in_bfloat16(network.params, titles.labels.device)
    while True:
        try:
            return *validate(network, titles, batch_size, reduced=reduced), batch_size
        except torch.OutOfMemoryError as error:
            batch_size = halved(batch_size, str(error))
        # Outside the except clause: inside it the traceback keeps the tensors alive that did not fit.
        free_memory(titles.labels.device)


def first_validation_batch_size(params: Train) -> int:
    """Titles per batch of validation, until they do not fit.

    The padding of a batch depends on its size, so a network that sees it is validated in batches as large as those of
    its training, as in the lab.
    """
    return params.batch_size if params.sees_padding else BATCH_SIZE


def trains_in_bfloat16(params: Train, device: torch.device) -> bool:
    """Whether a training run on this device computes matrix products in bfloat16."""
    return params.precision == "bfloat16" or (params.precision == "auto" and device.type == "cuda")


def validates_in_bfloat16(params: Train, device: torch.device) -> bool:
    """Whether it also validates so, as on a GPU; on the CPU a model is validated in float32, in which it serves."""
    return device.type == "cuda" and trains_in_bfloat16(params, device)


def reduced_precision(device: torch.device, wanted: bool) -> AbstractContextManager[object]:
    """The context in which matrix products are bfloat16 if `wanted`; otherwise it changes nothing."""
    return torch.autocast(device.type, dtype=torch.bfloat16) if wanted else nullcontext()
