"""Computing with a given number of threads: it decides in which order numbers are added, and so the last bits."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")
"""What numeric libraries read when they are imported."""


@contextmanager
def with_threads(number: int) -> Iterator[None]:
    """Compute with this number of threads while the block runs; 0 changes nothing."""
    if not number:
        yield
        return
    before = {name: os.environ.get(name) for name in VARIABLES}
    os.environ.update(dict.fromkeys(VARIABLES, str(number)))
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else 0
    if torch:
        torch.set_num_threads(number)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
        if torch:
            torch.set_num_threads(threads)
