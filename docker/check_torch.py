"""Refuses to build an image for GPUs around a PyTorch that cannot use them."""

from __future__ import annotations

import sys

ADVICE = (
    "The image for GPUs got PyTorch {version}, which was built without CUDA. A wheel in docker/wheels/ whose version "
    "ends in +cpu is taken before any other: move it to docker/wheels/cpu/, which only the CPU image reads."
)


def main() -> None:
    """Exit with the advice if PyTorch was built without CUDA."""
    import torch

    if not torch.version.cuda:
        sys.exit(ADVICE.format(version=torch.__version__))
    print(f"PyTorch {torch.__version__} with CUDA {torch.version.cuda}")


if __name__ == "__main__":
    main()
