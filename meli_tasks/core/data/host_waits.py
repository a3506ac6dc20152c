"""Marks the places where the host waits for the GPU.

A GPU works through a queue that the host fills. If a step needs a number from the GPU (`int(tensor)`, `nonzero`,
`unique`), the host waits until the queue is empty, and then the GPU waits for the host. So nothing in a step of
training does, and what has to wait, rarely, is inside `host_waits`.

`tests/core/test_waits.py` and `tests/gpu/test_waits.py` fail if anything else waits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

_reasons: list[str] = []


@contextmanager
def host_waits(reason: str) -> Iterator[None]:
    """Inside, the host may wait for the GPU, even in torch's mode that makes waiting an error.

    Args:
        reason: How often, and for what.
    """
    _reasons.append(reason)
    strict = torch.cuda.get_sync_debug_mode() if torch.cuda.is_initialized() else 0  # type: ignore[no-untyped-call]
    if strict:
        torch.cuda.set_sync_debug_mode("default")
    try:
        yield
    finally:
        if strict:
            torch.cuda.set_sync_debug_mode(strict)
        _reasons.pop()


def reason_to_wait() -> str | None:
    """The reason given by the innermost `host_waits` around the caller; None outside."""
    return _reasons[-1] if _reasons else None
