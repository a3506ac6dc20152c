"""Computing with a given number of threads: it decides in which order numbers are added, and so the last bits."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from meli_tasks.settings import Settings

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")
"""What numeric libraries read when they are imported."""
LIMITS = (*VARIABLES, "OMP_WAIT_POLICY", "CUDA_VISIBLE_DEVICES")
"""What `limit_threads` sets."""


def limit_threads(settings: Settings) -> None:
    """Limit the threads of numeric libraries, which read these variables on import, for parallel runs."""
    threads = str(settings.training_threads())
    for variable in VARIABLES:
        os.environ.setdefault(variable, threads)
    # Threads that spin while they wait take the core from the thread they wait for: five times slower on a busy
    # machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if settings.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


@contextmanager
def limited_threads(settings: Settings) -> Iterator[None]:
    """Limit the threads of what is imported while the block runs, and leave the environment as it was."""
    with _kept(LIMITS):
        limit_threads(settings)
        yield


@contextmanager
def _kept(variables: Iterable[str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)


@contextmanager
def with_threads(number: int) -> Iterator[None]:
    """Compute with this number of threads while the block runs; 0 changes nothing."""
    if not number:
        yield
        return
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else 0
    with _kept(VARIABLES):
        os.environ.update(dict.fromkeys(VARIABLES, str(number)))
        if torch:
            torch.set_num_threads(number)
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(threads)
