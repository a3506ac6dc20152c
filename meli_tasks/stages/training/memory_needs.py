"""Refuses a network that cannot fit, before its memory is allocated: the system would end the process without a word.

Every hyperparameter has a range, but a few of them multiply: two hidden layers of the largest width are 17 GB.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch

from meli_tasks.core.errors import OutOfMemory
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.models.networks import TitleNetwork

BYTES = 4  # of a float32

CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""The memory limit of a container, in version 2 and 1 of Linux's control groups."""


def check_memory(params: Train, network: TitleNetwork, titles: int, device: str) -> None:
    """Check that the device can hold the least that training needs.

    Args:
        params: The hyperparameters.
        network: The network, on torch's device "meta", which has sizes and no memory.
        titles: The number of training titles.
        device: The device to train on.

    Raises:
        OutOfMemory: it cannot.
    """
    size = parameter_counts(network)
    needed = BYTES * (size["all"] + (size["trained"] if params.ema_decay else 0) + 3 * size["dense"])
    if device == "cpu":  # a GPU takes smaller batches if its memory is full
        widths = network.out.out_features + sum(params.hidden)
        needed += BYTES * min(params.batch_size, titles) * widths
    available = memory_of(device)
    if needed > available:
        where = "this machine" if device == "cpu" else "the GPU"
        raise OutOfMemory(
            f"training needs at least {needed / 1e9:,.1f} GB, but {where} has {available / 1e9:,.1f} GB: the network "
            f"has {size['all']:,} parameters. Reduce {_largest(params)}, or use a machine with more memory"
        )


def parameter_counts(network: TitleNetwork) -> dict[str, int]:
    """The number of the network's parameters: "all", "trained" (which training may change) and "dense".

    Dense parameters are the trained ones outside sparse embeddings: they have a gradient and two moments at every step.
    """
    tables = [network.words] + ([network.ngrams.table] if network.ngrams is not None else [])
    dense = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
    rows = sum(table.trained * table.weight.shape[1] for table in tables)
    return {"all": sum(weight.numel() for weight in network.parameters()), "trained": dense + rows, "dense": dense}


def memory_of(device: str) -> int:
    """The memory of a device in bytes, whether it is free or not; for the CPU at most the container's limit."""
    if device != "cpu":
        return int(torch.cuda.mem_get_info(device)[1])
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in CGROUP_LIMITS:
        if limit.exists() and (text := limit.read_text(encoding="ascii").strip()).isdigit():
            memory = min(memory, int(text))
    return memory


def _largest(params: Train) -> str:
    """The hyperparameters that make a network large, as far as this one has them."""
    names = ["train.hidden"] if params.hidden else []
    names += ["train.filters"] if params.architecture == "cnn" else []
    names += ["train.ngram_dimensions"] if params.ngram_dimensions else []
    return ", ".join([*names, "train.batch_size", "embed.dimensions or preprocess.max_words"])
