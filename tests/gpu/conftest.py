"""The devices to test, and what the tests measured.

Each test runs on "cpu", where the code path of a GPU is simulated, and on "cuda" if there is a GPU.
"""

from __future__ import annotations

import pytest
import torch

from tests.core.training.gpu_code_path import gather_in_groups

NO_GPU = (
    f"no GPU: torch {torch.__version__} finds none. `nvidia-smi` shows whether the machine has one; the build of torch "
    "must be one for CUDA"
)


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The device to test."""
    name = str(request.param)
    if name == "cuda" and not torch.cuda.is_available():
        pytest.skip(NO_GPU)
    gather_in_groups(monkeypatch)
    return name


@pytest.fixture
def gpu() -> str:
    """The GPU, for tests that make no sense without one."""
    if not torch.cuda.is_available():
        pytest.skip(NO_GPU)
    return "cuda"
