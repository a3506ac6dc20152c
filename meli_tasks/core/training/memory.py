"""Memory: what to do when a card's is full (the same with fewer titles at once), and how to keep the host's."""

from __future__ import annotations

import ctypes
import sys

import torch

from meli_tasks.core.errors import OutOfMemory

SMALLEST_BATCH = 16

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Numbers of glibc's malloc.h."""
LARGEST_KEPT = 1 << 30


def halved(batch_size: int, seen: str) -> int:
    """Half of the batch. Errors: OutOfMemory when it is as small as it gets; `seen` is what the device said."""
    if batch_size <= SMALLEST_BATCH:
        said = next(iter(seen.splitlines()), "no more was said")
        raise OutOfMemory(
            f"the card's memory is full even with {batch_size} titles at once ({said}). A larger card or fewer "
            "trainings on this one (MELI_SLOTS) help; a smaller vocabulary (preprocess.max_words, max_ngrams) or "
            "smaller layers need less. The training's last checkpoint is kept, a retry goes on from it"
        )
    return max(batch_size // 2, SMALLEST_BATCH)


def full_beside_others(batch_size: int, seen: str) -> OutOfMemory:
    """What to raise where several cards train together and so none may go on with less by itself."""
    said = next(iter(seen.splitlines()), "no more was said")
    return OutOfMemory(
        f"a card's memory is full with its share of {batch_size:,} titles a step ({said}). GPUs that train together "
        "do not halve it by themselves: set a smaller train.batch_size. The training's last checkpoint is kept"
    )


def free_memory(device: torch.device) -> None:
    """Gives what torch holds in reserve back to the card, so that other sizes fit."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def keep_freed_memory() -> None:
    """Has this process use memory again that it freed, where the C library is glibc; elsewhere nothing happens.

    A step's gradients are tens of megabytes. Blocks over 32 MB glibc would give back to the system every time, which
    fills the next step's with zeros, page by page: a fifth of a training's processor time (mallopt(3)).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    # Either of the two alone freezes the other where it is, which is worse than neither; old versions refuse the first.
    if mallopt is not None and mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT):
        mallopt(M_TRIM_THRESHOLD, LARGEST_KEPT)
