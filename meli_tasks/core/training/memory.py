"""Memory: smaller batches when the device's is full, and a C library that keeps the host's freed memory."""

from __future__ import annotations

import ctypes
import sys

import torch

from meli_tasks.core.errors import OutOfMemory, StepOutOfMemory

MIN_BATCH_SIZE = 16

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Constants of glibc's malloc.h."""
LARGEST_KEPT_BLOCK = 1 << 30


def halved(batch_size: int, error: str) -> int:
    """Half of the batch size, but at least MIN_BATCH_SIZE.

    Args:
        batch_size: The batch size that did not fit.
        error: The device's error message.

    Raises:
        OutOfMemory: the batch size is already the smallest.
    """
    if batch_size <= MIN_BATCH_SIZE:
        raise OutOfMemory(
            f"the GPU's memory is full even with {batch_size} titles per step ({_first_line(error)}). Use a larger GPU "
            "or run fewer training runs on this one (MELI_SLOTS), or reduce the vocabulary (preprocess.max_words, "
            "preprocess.max_ngrams) or the layers. The last checkpoint is kept; a retry resumes from it"
        )
    return max(batch_size // 2, MIN_BATCH_SIZE)


def out_of_memory_in_group(batch_size: int, error: str) -> StepOutOfMemory:
    """The error to raise if several devices train together: none of them can reduce its batches on its own."""
    return StepOutOfMemory(f"its memory is full with its part of {batch_size:,} titles per step ({_first_line(error)})")


def free_memory(device: torch.device) -> None:
    """Return the memory that torch holds in reserve to the GPU, so that tensors of other sizes fit."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def keep_freed_memory() -> None:
    """Make this process reuse the memory that it frees, if the C library is glibc; elsewhere do nothing.

    The gradients of a step are tens of megabytes. By default glibc returns blocks over 32 MB to the system each time,
    and the system fills the next step's with zeros, page by page: a fifth of the CPU time of training (mallopt(3)).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    # Setting only one of the two fixes the other at its current value, which is worse than setting neither. Old
    # versions refuse the first.
    if mallopt is not None and mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT_BLOCK):
        mallopt(M_TRIM_THRESHOLD, LARGEST_KEPT_BLOCK)


def _first_line(error: str) -> str:
    return next(iter(error.splitlines()), "the device gave no reason")
