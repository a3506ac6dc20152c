"""Loss and accuracy of a network on titles that it has not been trained on."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from meli_tasks.core.models.networks import TitleNetwork
from meli_tasks.core.training.memory import free_memory, halved
from meli_tasks.core.training.pooled_titles import Titles


@torch.no_grad()
def validate(network: TitleNetwork, titles: Titles, batch_size: int = 1024) -> tuple[float, float]:
    """(cross-entropy without weights or smoothing, balanced accuracy: the mean recall of the categories present)."""
    network.eval()
    categories = network.out.out_features
    right = torch.zeros(categories, device=titles.labels.device)
    loss = torch.zeros((), dtype=torch.float64, device=titles.labels.device)
    order = torch.arange(len(titles), device=titles.labels.device)
    for rows, batch in titles.batches(order, batch_size):
        labels: Tensor = titles.labels[rows]
        # A model serves in float32 on the CPU, so it is validated there in float32 too.
        with reduced_precision(labels.device, labels.device.type == "cuda"):
            logits = network(batch).float()
        loss += functional.cross_entropy(logits, labels, reduction="sum")
        right += torch.bincount(labels[logits.argmax(1) == labels], minlength=categories)
    counts = torch.bincount(titles.labels, minlength=categories)
    recall = right[counts > 0] / counts[counts > 0]
    return float(loss / len(titles)), float(recall.mean())


def validate_within_memory(network: TitleNetwork, titles: Titles, batch_size: int) -> tuple[float, float, int]:
    """Validate with batches that are halved until one fits into the device's memory.

    Returns:
        The results of `validate`, and the batch size that fitted.

    Raises:
        OutOfMemory: not even the smallest batch fits.
    """
    while True:
        try:
            return *validate(network, titles, batch_size), batch_size
        except torch.OutOfMemoryError as error:
            batch_size = halved(batch_size, str(error))
        # Outside the except clause: inside it the traceback keeps the tensors alive that did not fit.
        free_memory(titles.labels.device)


def reduced_precision(device: torch.device, wanted: bool) -> torch.autocast:
    """The context in which matrix products are bfloat16 if `wanted`; otherwise it changes nothing."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=wanted)
